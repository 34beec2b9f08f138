"""Plots of the audit as SVG: one path per colour, so that a page with thousands of recordings stays small."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from markupsafe import Markup

from asl_pkg import contract
from asl_pkg.data.audit.audit_json import Brightness
from asl_pkg.data.audit.measures import Stretch

WIDTH, HEIGHT = 1000, 16  # of a strip, in its own units; the page stretches it
PLOT_HEIGHT = 150
MOST_STRETCHES = 300  # per class; with more, neighbours of one split are joined whatever their recording
MOST_CUTS = 60  # per class; more would hide what lies between them
Span = tuple[float, float]  # from and to


def along_frames(stretches: Sequence[Stretch]) -> bool:
    """Whether no two recordings of a class share frame numbers, so that one axis holds them all."""
    return all(before.last_frame < after.first_frame for before, after in pairwise(stretches))


def strip(stretches: Sequence[Stretch]) -> Markup:
    """Draw the splits of a class along its frame numbers, with a cut where a recording begins.

    Recordings that share frame numbers follow one another, each as long as it has images.

    Args:
        stretches: Stretches of one class, by recording and frame.

    Returns:
        SVG whose CSS classes are the names of the splits.
    """
    ordered = sorted(stretches, key=lambda stretch: stretch.first_frame)
    frames = along_frames(ordered)
    bars = ordered if frames else list(stretches)
    if len(bars) > MOST_STRETCHES:
        bars = _joined(bars)
    spans = _frame_spans(bars) if frames else _image_spans(bars)
    scale = WIDTH / (spans[-1][1] - spans[0][0])
    boxes: dict[str, list[str]] = defaultdict(list)
    cuts = []
    for number, (bar, (start, stop)) in enumerate(zip(bars, spans, strict=True)):
        left, width = (start - spans[0][0]) * scale, (stop - start) * scale
        boxes[bar.split].append(f"M{left:.1f} 0h{width:.1f}v{HEIGHT}h-{width:.1f}z")
        if number and bars[number - 1].recording != bar.recording:
            cuts.append(f"M{left:.1f} 0v{HEIGHT}")
    paths = "".join(f'<path class="{split}" d="{"".join(marks)}"/>' for split, marks in boxes.items())
    paths += f'<path class="cut" d="{"".join(cuts)}"/>' if 0 < len(cuts) <= MOST_CUTS else ""
    return Markup(  # noqa: S704 - numbers and names of splits only
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">{paths}</svg>'
    )


def brightness_plot(brightness: Mapping[str, Brightness]) -> Markup:
    """Plot the distribution of the images' mean grey level in each split.

    Args:
        brightness: See measures.brightness.

    Returns:
        SVG, dark on the left.
    """
    top = max((max(found.shares) for found in brightness.values()), default=1.0)
    lines = []
    for split in contract.SPLITS:
        if split in brightness:
            shares = brightness[split].shares
            step = WIDTH / len(shares)
            points = [
                f"{(bin_ + 0.5) * step:.1f},{PLOT_HEIGHT * (1 - 0.95 * share / top):.1f}"
                for bin_, share in enumerate(shares)
            ]
            lines.append(f'<polyline class="{split}" points="{" ".join(points)}"/>')
    return Markup(  # noqa: S704 - numbers and names of splits only
        f'<svg class="curve" viewBox="0 0 {WIDTH} {PLOT_HEIGHT}" preserveAspectRatio="none">{"".join(lines)}</svg>'
    )


def _frame_spans(bars: Sequence[Stretch]) -> list[Span]:
    """From the first frame of each bar to the first of the next one in its recording: frames may be missing."""
    following = [*bars[1:], None]
    return [
        (bar.first_frame, after.first_frame if after and after.recording == bar.recording else bar.last_frame + 1)
        for bar, after in zip(bars, following, strict=True)
    ]


def _image_spans(bars: Sequence[Stretch]) -> list[Span]:
    spans: list[Span] = []
    for bar in bars:
        start = spans[-1][1] if spans else 0
        spans.append((start, start + bar.images))
    return spans


def _joined(bars: Sequence[Stretch]) -> list[Stretch]:
    """Join neighbours of one split, whatever their recording."""
    together: list[Stretch] = []
    for bar in bars:
        if together and together[-1].split == bar.split:
            last = together[-1]
            together[-1] = last._replace(last_frame=bar.last_frame, images=last.images + bar.images)
        else:
            together.append(bar)
    return together
