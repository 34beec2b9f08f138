"""audit.html: the audit as one self-contained page."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.data.audit.audit_json import Audit
from asl_pkg.data.audit.label_issues import LabelIssues
from asl_pkg.data.audit.measures import Pair, Stretch
from asl_pkg.data.audit.plots import along_frames, brightness_plot, strip
from asl_pkg.data.dataset import DatasetInfo
from asl_pkg.data.split.splitting import GUARD, NEAR_DUPLICATE
from asl_pkg.reporting.html import data_uri, image_uri, render_page

TEMPLATE = Path(__file__).with_name("audit.html.jinja")
QUALITY = 92  # JPEG quality of the thumbnails


@dataclass(frozen=True)
class View:
    """What the page shows.

    Args:
        info: Contents of dataset.json.
        audit: Contents of audit.json.
        sheet: The contact sheet, a JPEG file.
        thumbnails: Thumbnails of all images [n, 32, 32, 3].
        labels: Labels of all images [n].
        splits: Splits of all images [n].
        pairs: Nearest pairs across splits.
        label_issues: Images that may be labelled wrong.
        stretches: Stretches of all recordings, by class.
    """

    info: DatasetInfo
    audit: Audit
    sheet: bytes
    thumbnails: NDArray[np.uint8]
    labels: NDArray[np.int64]
    splits: NDArray[np.str_]
    pairs: Sequence[Pair]
    label_issues: LabelIssues
    stretches: Sequence[Stretch]


def audit_html(view: View) -> str:
    """Render the audit.

    Args:
        view: What to show.

    Returns:
        HTML that needs no other file and no network.
    """
    return render_page(
        TEMPLATE,
        audit=view.audit,
        info=view.info,
        classes=view.info.known_classes,
        splits=contract.SPLITS,
        left_out={GUARD: "guard, left out", NEAR_DUPLICATE: "near-duplicate, left out"},
        sheet=data_uri(view.sheet),
        pairs=_pairs(view),
        suspects=_suspects(view),
        strips=_strips(view),
        brightness=brightness_plot(view.audit.brightness),
    )


def _pairs(view: View) -> list[dict[str, Any]]:
    return [
        {
            "images": [image_uri(view.thumbnails[row], QUALITY) for row in pair[:2]],
            "classes": [contract.CLASSES[view.labels[row]] for row in pair[:2]],
            **listed.model_dump(),
        }
        for pair, listed in zip(view.pairs, view.audit.near_duplicates.nearest, strict=True)
    ]


def _suspects(view: View) -> list[dict[str, Any]]:
    return [
        {
            "images": [image_uri(view.thumbnails[row], QUALITY) for row in (suspect.position, suspect.neighbour)],
            **listed.model_dump(),
        }
        for suspect, listed in zip(view.label_issues.suspects, view.audit.label_issues.suspects, strict=True)
    ]


def _strips(view: View) -> list[dict[str, Any]]:
    rows = []
    for label, found in groupby(view.stretches, key=lambda stretch: stretch.label):
        own = list(found)
        name = contract.CLASSES[label]
        rows.append(
            {
                "class": name,
                "drawing": strip(own),
                "recordings": view.audit.recordings[name].count,
                "first": min(stretch.first_frame for stretch in own),
                "last": max(stretch.last_frame for stretch in own),
                "along_frames": along_frames(sorted(own, key=lambda stretch: stretch.first_frame)),
            }
        )
    return rows
