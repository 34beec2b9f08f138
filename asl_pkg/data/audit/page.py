"""audit.html: the audit for people, one file with everything in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.data.audit.label_issues import LabelIssues
from asl_pkg.data.audit.measures import Pair, Stretch
from asl_pkg.data.audit.plots import along_frames, brightness_plot, strip
from asl_pkg.data.dataset import DatasetInfo
from asl_pkg.data.split.splitting import GUARD, NEAR_DUPLICATE
from asl_pkg.reporting.html import data_uri, image_uri, render_page

TEMPLATE = Path(__file__).with_name("audit.html.jinja")
QUALITY = 92  # of the thumbnails' JPEG


@dataclass(frozen=True)
class View:
    """What the page shows beside audit.json.

    Args:
        info: what dataset.json says.
        audit: contents of audit.json.
        sheet: the contact sheet, a JPEG file.
        thumbnails: of all images [n, 32, 32, 3].
        labels: of all images [n].
        splits: where all images went [n].
        pairs: nearest across splits.
        doubts: about labels.
        stretches: of all recordings, by class.
    """

    info: DatasetInfo
    audit: dict[str, Any]
    sheet: bytes
    thumbnails: NDArray[np.uint8]
    labels: NDArray[np.int64]
    splits: NDArray[np.str_]
    pairs: Sequence[Pair]
    doubts: LabelIssues
    stretches: Sequence[Stretch]


def audit_html(view: View) -> str:
    """Render the audit.

    Args:
        view: what to show.

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
        brightness=brightness_plot(view.audit["brightness"]),
    )


def _pairs(view: View) -> list[dict[str, Any]]:
    return [
        {
            "images": [image_uri(view.thumbnails[row], QUALITY) for row in pair[:2]],
            "classes": [contract.CLASSES[view.labels[row]] for row in pair[:2]],
            **listed,
        }
        for pair, listed in zip(view.pairs, view.audit["near_duplicates"]["nearest"], strict=True)
    ]


def _suspects(view: View) -> list[dict[str, Any]]:
    return [
        {"images": [image_uri(view.thumbnails[row], QUALITY) for row in (one.position, one.neighbour)], **listed}
        for one, listed in zip(view.doubts.suspects, view.audit["label_errors"]["suspects"], strict=True)
    ]


def _strips(view: View) -> list[dict[str, Any]]:
    rows = []
    for label, found in groupby(view.stretches, key=lambda one: one.label):
        own = list(found)
        name = contract.CLASSES[label]
        rows.append(
            {
                "class": name,
                "drawing": strip(own),
                "recordings": view.audit["recordings"][name]["count"],
                "first": min(one.first_frame for one in own),
                "last": max(one.last_frame for one in own),
                "along_frames": along_frames(sorted(own, key=lambda one: one.first_frame)),
            }
        )
    return rows
