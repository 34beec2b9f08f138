"""The audit: what arrived, what stayed out and why, how it was split, and what a figure on this split is worth."""

import contextlib
import ctypes
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.class_sets import described
from asl_pkg.data.audit import measures as measures
from asl_pkg.data.audit.label_issues import LabelIssues, find_label_issues
from asl_pkg.data.audit.leakage_probe import leakage_probe, leakage_summary
from asl_pkg.data.audit.page import View, audit_html
from asl_pkg.data.dataset import DatasetInfo, drawn_signers
from asl_pkg.data.external import ExternalSet
from asl_pkg.data.ingest import IngestedData
from asl_pkg.data.split.assign import SplitResult
from asl_pkg.data.split.near_duplicates import SimilarityIndex
from asl_pkg.data.split.splitting import GUARD, NEAR_DUPLICATE
from asl_pkg.storage.atomic import write_json, write_text

_, _, TEST = contract.SPLITS


@dataclass(frozen=True)
class Findings:
    """What pull found out.

    Args:
        info: what dataset.json says.
        arrival: what passed and what did not.
        placed: where the images that passed went.
        looks: of the same images.
        sheet: the contact sheet, a JPEG file.
        external: other people's images, where there are any.
    """

    info: DatasetInfo
    arrival: IngestedData
    placed: SplitResult
    looks: SimilarityIndex
    sheet: bytes
    external: ExternalSet | None = None


def write_audit(folder: Path, findings: Findings) -> dict[str, Any]:
    """Write audit.json and the page that shows it.

    Args:
        folder: the data set's folder.
        findings: what to tell.

    Returns:
        What audit.json holds.
    """
    thumbnails = findings.arrival.thumbnails
    labels = np.array(findings.arrival.column("label"))
    splits = np.array([place.split for place in findings.placed.places])
    doubts = _label_errors(findings, thumbnails, labels, splits)
    _give_back()
    scores = _honesty(findings, thumbnails, labels, splits)
    _give_back()
    pairs = measures.nearest_pairs(findings.looks, splits)
    stretches = measures.stretches(findings.placed.shots, splits)
    audit = {
        "digest": findings.info.digest,
        "known_classes": findings.info.known_classes,
        "honesty": scores,
        "meaning": meaning(findings.info, _drawn(findings, splits)),
        **_counts(findings, labels, splits),
        "near_duplicates": _near_duplicates(findings, labels, splits, pairs),
        "recordings": measures.recordings(stretches),
        "label_errors": _doubts(doubts, findings.arrival.paths),
        "brightness": measures.brightness(thumbnails, splits),
        **_files(findings, splits),
    }
    _give_back()
    view = View(findings.info, audit, findings.sheet, thumbnails, labels, splits, pairs, doubts, stretches)
    write_json(folder / contract.AUDIT_FILE, audit)
    write_text(folder / contract.AUDIT_PAGE, audit_html(view))
    return audit


def meaning(info: DatasetInfo, drawn: int = 0) -> str:
    """Say in a sentence or two what an accuracy on the test split is worth.

    Args:
        info: what dataset.json says.
        drawn: how many of the test split's signers are synthetic.

    Returns:
        Plain words for people.
    """
    some = described(info.known_classes)
    return f"{_worth(info, drawn)} The data set has {some}." if some else _worth(info, drawn)


def _worth(info: DatasetInfo, drawn: int) -> str:
    if info.unseen_signers:
        people = info.signers["test"]
        which = "They" if drawn == people else f"{drawn} of them"
        return (
            f"No signer of the test split is in training: an accuracy there says how well the model reads the hands of "
            f"{people} people it has never seen."
            + (f" {which} are drawn hands, not photographs." if drawn else "")
            + (f" It says nothing of {', '.join(info.unmeasurable)}." if info.unmeasurable else "")
        )
    if info.split_by == "signer":
        return (
            "The test split holds whole signers, but it is not certain that training saw none of them: "
            f"{'; '.join(info.people[1:]) or 'some signers are unknown'}. An accuracy there may flatter. Expect less "
            "for another person."
        )
    if info.split_by == "recording":
        return (
            "No whole signers could be held out, so the test split holds whole recordings that training leaves out. An "
            "accuracy there says how well the model reads another recording, perhaps of the same person in the same "
            "room. Expect less for another person."
        )
    return (
        "No whole signers could be held out, so the test split holds blocks of frames that training leaves out, more "
        f"than {info.source['guard_frames']} frames away from any that it sees. An accuracy there says how well the "
        "model reads unseen moments of the same recordings. Expect less for another person."
    )


def _give_back() -> None:
    """Return freed memory to the system, where the C library can: it keeps what models and searches took."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _drawn(findings: Findings, splits: NDArray[np.str_]) -> int:
    """Count the test split's signers whose hands are drawn."""
    images = findings.arrival.table.select(["landmarks_3d"]).append_column("signer", [findings.placed.signers])
    return drawn_signers(images.filter(splits == TEST))


def _honesty(
    findings: Findings, thumbnails: NDArray[np.uint8], labels: NDArray[np.int64], splits: NDArray[np.str_]
) -> dict[str, Any]:
    by_signer = findings.info.split_by == "signer"
    groups = findings.placed.signers if by_signer else [place.group for place in findings.placed.places]
    external = findings.external and findings.external[:2]
    scores = leakage_probe(thumbnails, labels, splits, np.array(groups), findings.info.seed, external)
    return {
        "sentence": leakage_summary(scores),
        "group": findings.info.split_by,
        "scores": [asdict(score) | {"too_few": score.too_few} for score in scores],
    }


def _label_errors(
    findings: Findings, thumbnails: NDArray[np.uint8], labels: NDArray[np.int64], splits: NDArray[np.str_]
) -> LabelIssues:
    kept = np.flatnonzero(np.isin(splits, contract.SPLITS))
    groups = np.array([place.group for place in findings.placed.places])
    return find_label_issues(thumbnails, labels, groups, kept, findings.info.seed)


def _counts(findings: Findings, labels: NDArray[np.int64], splits: NDArray[np.str_]) -> dict[str, Any]:
    places = findings.placed.places
    return {
        "images": sum(place.kept for place in places),
        "counts": findings.info.counts,
        "imbalance": measures.imbalance(findings.info.counts, findings.info.known_classes),
        "signers": findings.info.signers,
        "people": findings.info.people,
        "groups": {split: len({one.group for one in places if one.split == split}) for split in contract.SPLITS},
        "guard": measures.by_class(labels[splits == GUARD]),
    }


def _near_duplicates(
    findings: Findings, labels: NDArray[np.int64], splits: NDArray[np.str_], pairs: list[measures.Pair]
) -> dict[str, Any]:
    paths = findings.arrival.paths
    return {
        "dropped": measures.by_class(labels[splits == NEAR_DUPLICATE]),
        "unmeasurable": findings.info.unmeasurable,
        "remaining": measures.twins_across(findings.looks, splits),
        "nearest": [
            {
                "paths": [paths[row] for row in (pair.first, pair.second)],
                "splits": [str(splits[row]) for row in (pair.first, pair.second)],
                "bits": pair.bits,
                "correlation": round(pair.correlation, 4),
            }
            for pair in pairs
        ],
    }


def _doubts(doubts: LabelIssues, paths: list[str]) -> dict[str, Any]:
    return {
        "judged": doubts.judged,
        "agreed": round(doubts.agreed, 4),
        "across_groups": doubts.across_groups,
        "disputed": doubts.disputed,
        "suspects": [
            {
                "path": paths[one.position],
                "label": contract.CLASSES[one.label],
                "neighbours_say": contract.CLASSES[one.voted],
                "votes": one.votes,
                "voters": one.voters,
            }
            for one in doubts.suspects
        ],
    }


def _files(findings: Findings, splits: NDArray[np.str_]) -> dict[str, Any]:
    arrival = findings.arrival
    external = findings.external.rejected if findings.external else []
    kept = np.flatnonzero(np.isin(splits, contract.SPLITS))
    shapes = list(zip(arrival.column("width_px"), arrival.column("height_px"), strict=True))
    sha256 = arrival.column("sha256")
    return {
        "quarantined": measures.reasons(one for one in arrival.rejected if one.quarantined),
        "skipped": measures.reasons(one for one in arrival.rejected if not one.quarantined),
        "external_quarantined": measures.reasons(one for one in external if one.quarantined),
        "external_skipped": measures.reasons(one for one in external if not one.quarantined),
        "private": sum(arrival.column("private")),
        "file_bytes": measures.file_bytes(np.array(arrival.column("size_bytes"))[kept]),
        **measures.sizes([shapes[row] for row in kept]),
        "same_bytes": measures.same_bytes([sha256[row] for row in kept], splits[kept].tolist()),
    }
