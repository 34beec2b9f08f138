"""The audit: what arrived, what stayed out and why, how it was split, and what a figure on this split is worth."""

import base64
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from asl_pkg import contract
from asl_pkg.data.arrival import Arrived
from asl_pkg.data.dataset import DatasetInfo
from asl_pkg.data.picture import Rejected
from asl_pkg.data.splitting import GUARD, Place
from asl_pkg.files import write_json, write_text

TEMPLATE = "audit.html.jinja"
EXAMPLES = 5  # names given for each reason


def write_audit(
    folder: Path,
    info: DatasetInfo,
    arrived: Sequence[Arrived],
    rejected: Sequence[Rejected],
    places: Sequence[Place],
    sheet: bytes,
) -> None:
    """Write audit.json and the page that shows it.

    Args:
        folder: the data set's folder.
        info: what dataset.json says.
        arrived: all pictures that passed.
        rejected: all files that did not.
        places: of the pictures that passed, in the same order.
        sheet: the contact sheet, a JPEG file.
    """
    audit = _audit(info, arrived, rejected, places)
    write_json(folder / contract.AUDIT_FILE, audit)
    jinja = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    page = jinja.get_template(TEMPLATE).render(
        audit=audit,
        info=info,
        classes=contract.CLASSES,
        splits=contract.SPLITS,
        sheet=base64.b64encode(sheet).decode(),
    )
    write_text(folder / contract.AUDIT_PAGE, page)


def _audit(
    info: DatasetInfo, arrived: Sequence[Arrived], rejected: Sequence[Rejected], places: Sequence[Place]
) -> dict[str, Any]:
    kept = [(one, place) for one, place in zip(arrived, places, strict=True) if place.split != GUARD]
    sizes = np.array([one.size_bytes for one, _ in kept])
    guard = Counter(
        contract.CLASSES[one.label] for one, place in zip(arrived, places, strict=True) if place.split == GUARD
    )
    shapes = Counter(f"{one.width_px} x {one.height_px}" for one, _ in kept)
    return {
        "digest": info.digest,
        "meaning": meaning(info),
        "pictures": len(kept),
        "counts": info.counts,
        "signers": info.signers,
        "groups": {split: len({place.group for _, place in kept if place.split == split}) for split in contract.SPLITS},
        "guard": {name: guard[name] for name in contract.CLASSES if guard[name]},
        "quarantined": _reasons(one for one in rejected if one.quarantined),
        "skipped": _reasons(one for one in rejected if not one.quarantined),
        "file_bytes": {
            "total": int(sizes.sum()),
            "smallest": int(sizes.min()),
            "median": int(np.median(sizes)),
            "largest": int(sizes.max()),
        },
        "sizes_px": dict(shapes.most_common(10)),
        "other_sizes": max(0, len(shapes) - 10),
        "same_bytes": _same_bytes(kept),
    }


def meaning(info: DatasetInfo) -> str:
    """Say in a sentence or two what an accuracy on the test split is worth.

    Args:
        info: what dataset.json says.

    Returns:
        Plain words for people.
    """
    if info.unseen_signers:
        drawn = " They are drawn hands, not photographs." if info.source["name"] == "synthetic" else ""
        return (
            f"No signer of the test split is in training: an accuracy there says how well the model reads the hands of "
            f"{info.signers['test']} people it has never seen.{drawn}"
        )
    return (
        "Nobody says who the signers are, so the test split holds blocks of frames that training leaves out, more than "
        f"{info.source['guard_frames']} frames away from any that it sees. An accuracy there says how well the model "
        "reads unseen moments of the same recordings. Expect less for another person."
    )


def _reasons(rejected: Any) -> list[dict[str, Any]]:
    paths = defaultdict(list)
    for one in rejected:
        paths[one.reason].append(one.path)
    ranked = sorted(paths.items(), key=lambda item: (-len(item[1]), item[0]))
    return [{"reason": reason, "count": len(names), "examples": names[:EXAMPLES]} for reason, names in ranked]


def _same_bytes(kept: Sequence[tuple[Arrived, Place]]) -> dict[str, int]:
    """Count the pictures that have an identical file, within their split only and in another split."""
    splits = defaultdict(list)
    for one, place in kept:
        splits[one.sha256].append(place.split)
    twins = [found for found in splits.values() if len(found) > 1]
    across = sum(len(found) for found in twins if len(set(found)) > 1)
    return {"within_a_split": sum(map(len, twins)) - across, "across_splits": across}
