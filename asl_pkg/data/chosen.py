"""The classes that `data.classes` chooses: only these are read; all else is left out and counted."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from asl_pkg import contract
from asl_pkg.class_sets import FEWEST
from asl_pkg.data.sample import RejectedFile, Sample, Source, label_of
from asl_pkg.errors import SettingError

POSSIBLE = "A to Z, del, nothing, space"


def chosen_labels(text: str) -> list[int]:
    """Read the setting `data.classes`.

    Args:
        text: Names of classes, separated by commas; empty for all.

    Returns:
        Indices in contract.CLASSES, in rising order, each once; all of them for an empty text.

    Raises:
        SettingError: A name is not a class, or there are fewer than FEWEST.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        return list(range(len(contract.CLASSES)))
    if unknown := [name for name in names if label_of(name) is None]:
        raise SettingError(f"data.classes={text}: {unknown[0]!r} is not a class, possible: {POSSIBLE}")
    labels = sorted({label for name in names if (label := label_of(name)) is not None})
    if len(labels) < FEWEST:
        raise SettingError(f"data.classes={text}: one class, expected at least {FEWEST}")
    return labels


def only(source: Source, text: str) -> Source:
    """Leave out of a source what is not in the chosen classes.

    Args:
        source: An opened source.
        text: The setting `data.classes`.

    Returns:
        A source with as many files; those of other classes are rejected, but not as unfit.
    """
    if not text.strip():
        return source
    labels = chosen_labels(text)

    def read(start: int) -> Iterator[Sample | RejectedFile]:
        return (_sorted_out(item, labels) for item in source.read(start))

    return dataclasses.replace(source, read=read)


def _sorted_out(item: Sample | RejectedFile, labels: Sequence[int]) -> Sample | RejectedFile:
    if isinstance(item, Sample):
        if item.label in labels:
            return item
        reason = f"of class {contract.CLASSES[item.label]}, which data.classes leaves out"
        return RejectedFile(item.path, reason, quarantined=False)
    if _may_be_of(item, labels):
        return item
    return dataclasses.replace(item, quarantined=False)


def _may_be_of(item: RejectedFile, labels: Sequence[int]) -> bool:
    """Whether an unfit file may be an image of a chosen class: it lies in no other class's folder."""
    if item.no_class:
        return False
    name = PurePosixPath(item.path)
    label = label_of(name.parent.name)
    return (label_of(name.name) if label is None else label) in (None, *labels)
