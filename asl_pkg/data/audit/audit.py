"""The audit of a data set: its files, its splits, what was left out and why, and what an accuracy on it is worth."""

import contextlib
import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.class_sets import describe_classes
from asl_pkg.data.audit import measures
from asl_pkg.data.audit.audit_json import Audit, Leakage, ListedLabelIssues, ListedSuspect, NearDuplicates, NearPair
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


@dataclass(frozen=True)
class Findings:
    """What pull found.

    Args:
        info: Contents of dataset.json.
        ingested: Images that passed, and rejected files.
        result: Split of each image that passed.
        similarity: Index of the same images.
        sheet: The contact sheet, a JPEG file.
        external: Images of data.external, if any.
    """

    info: DatasetInfo
    ingested: IngestedData
    result: SplitResult
    similarity: SimilarityIndex
    sheet: bytes
    external: ExternalSet | None = None


def write_audit(folder: Path, findings: Findings) -> Audit:
    """Write audit.json and the page that shows it.

    Args:
        folder: The data set's folder.
        findings: What pull found.

    Returns:
        Contents of audit.json.
    """
    thumbnails = findings.ingested.thumbnails
    labels = np.array(findings.ingested.column("label"))
    splits = np.array([assignment.split for assignment in findings.result.assignments])
    label_issues = _label_issues(findings, thumbnails, labels, splits)
    _give_back()
    leakage = _leakage(findings, thumbnails, labels, splits)
    _give_back()
    pairs = measures.nearest_pairs(findings.similarity, splits)
    stretches = measures.stretches(findings.result.samples, splits)
    audit = _audit(findings, labels, splits, leakage, label_issues, pairs, stretches)
    _give_back()
    view = View(findings.info, audit, findings.sheet, thumbnails, labels, splits, pairs, label_issues, stretches)
    write_json(folder / contract.AUDIT_FILE, audit.model_dump(mode="json", by_alias=True))
    write_text(folder / contract.AUDIT_PAGE, audit_html(view))
    return audit


def _audit(
    findings: Findings,
    labels: NDArray[np.int64],
    splits: NDArray[np.str_],
    leakage: Leakage,
    label_issues: LabelIssues,
    pairs: list[measures.Pair],
    stretches: list[measures.Stretch],
) -> Audit:
    info, ingested, assignments = findings.info, findings.ingested, findings.result.assignments
    kept = np.flatnonzero(np.isin(splits, contract.SPLITS))
    shapes = list(zip(ingested.column("width_px"), ingested.column("height_px"), strict=True))
    sizes_px, other_sizes = measures.sizes([shapes[row] for row in kept])
    sha256 = ingested.column("sha256")
    external = findings.external.rejected if findings.external else []
    return Audit(
        digest=info.digest,
        known_classes=info.known_classes,
        leakage=leakage,
        meaning=meaning(info, _synthetic_signers(findings, splits)),
        images=sum(assignment.kept for assignment in assignments),
        counts=info.counts,
        imbalance=measures.imbalance(info.counts, info.known_classes),
        signers=info.signers,
        people=info.people,
        groups={
            split: len({assignment.group for assignment in assignments if assignment.split == split})
            for split in contract.SPLITS
        },
        guard=measures.by_class(labels[splits == GUARD]),
        near_duplicates=_near_duplicates(findings, labels, splits, pairs),
        recordings=measures.recordings(stretches),
        label_issues=_listed_label_issues(label_issues, ingested.paths),
        brightness=measures.brightness(ingested.thumbnails, splits),
        quarantined=measures.reasons(file for file in ingested.rejected if file.quarantined),
        skipped=measures.reasons(file for file in ingested.rejected if not file.quarantined),
        external_quarantined=measures.reasons(file for file in external if file.quarantined),
        external_skipped=measures.reasons(file for file in external if not file.quarantined),
        private=sum(ingested.column("private")),
        file_bytes=measures.file_bytes(np.array(ingested.column("size_bytes"))[kept]),
        sizes_px=sizes_px,
        other_sizes=other_sizes,
        same_bytes=measures.same_bytes([sha256[row] for row in kept], splits[kept].tolist()),
    )


def meaning(info: DatasetInfo, drawn: int = 0) -> str:
    """Say in a sentence or two what an accuracy on the test split is worth.

    Args:
        info: Contents of dataset.json.
        drawn: Number of synthetic signers in the test split.

    Returns:
        The sentences.
    """
    some = describe_classes(info.known_classes)
    return f"{_worth(info, drawn)} The data set has {some}." if some else _worth(info, drawn)


def _worth(info: DatasetInfo, drawn: int) -> str:
    if info.unseen_signers:
        people = info.signers["test"]
        which = "They" if drawn == people else f"{drawn} of them"
        return (
            f"No signer of the test split is in training: an accuracy there says how well the model reads the hands of "
            f"{people} people it has never seen."
            + (f" {which} are synthetic hands, not photographs." if drawn else "")
            + (f" It says nothing about {', '.join(info.unmeasurable)}." if info.unmeasurable else "")
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
    """Return freed memory to the system where the C library can; it keeps what models and searches used."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _synthetic_signers(findings: Findings, splits: NDArray[np.str_]) -> int:
    """Count the synthetic signers of the test split."""
    images = findings.ingested.table.select(["landmarks_3d"]).append_column("signer", [findings.result.signers])
    return drawn_signers(images.filter(splits == contract.TEST))


def _leakage(
    findings: Findings, thumbnails: NDArray[np.uint8], labels: NDArray[np.int64], splits: NDArray[np.str_]
) -> Leakage:
    by_signer = findings.info.split_by == "signer"
    groups = findings.result.signers if by_signer else [assignment.group for assignment in findings.result.assignments]
    external = findings.external and findings.external[:2]
    scores = leakage_probe(thumbnails, labels, splits, np.array(groups), findings.info.seed, external)
    return Leakage(sentence=leakage_summary(scores), group=findings.info.split_by, scores=scores)


def _label_issues(
    findings: Findings, thumbnails: NDArray[np.uint8], labels: NDArray[np.int64], splits: NDArray[np.str_]
) -> LabelIssues:
    kept = np.flatnonzero(np.isin(splits, contract.SPLITS))
    groups = np.array([assignment.group for assignment in findings.result.assignments])
    return find_label_issues(thumbnails, labels, groups, kept, findings.info.seed)


def _near_duplicates(
    findings: Findings, labels: NDArray[np.int64], splits: NDArray[np.str_], pairs: list[measures.Pair]
) -> NearDuplicates:
    paths = findings.ingested.paths
    nearest = [
        NearPair(
            paths=[paths[row] for row in pair[:2]],
            splits=[str(splits[row]) for row in pair[:2]],
            bits=pair.bits,
            correlation=round(pair.correlation, 4),
        )
        for pair in pairs
    ]
    return NearDuplicates(
        dropped=measures.by_class(labels[splits == NEAR_DUPLICATE]),
        unmeasurable=findings.info.unmeasurable,
        remaining=measures.count_near_duplicates(findings.similarity, splits),
        nearest=nearest,
    )


def _listed_label_issues(label_issues: LabelIssues, paths: list[str]) -> ListedLabelIssues:
    suspects = [
        ListedSuspect(
            path=paths[suspect.position],
            label=contract.CLASSES[suspect.label],
            neighbours_say=contract.CLASSES[suspect.voted],
            votes=suspect.votes,
            voters=suspect.voters,
        )
        for suspect in label_issues.suspects
    ]
    return ListedLabelIssues(
        judged=label_issues.judged,
        agreed=round(label_issues.agreed, 4),
        across_groups=label_issues.across_groups,
        disputed=label_issues.disputed,
        suspects=suspects,
    )
