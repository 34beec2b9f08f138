"""Files left out of a data set: reported on the terminal, and refused above the share that the user allows."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath

from asl_pkg import contract
from asl_pkg.class_sets import FEWEST
from asl_pkg.data.chosen import POSSIBLE, chosen_labels
from asl_pkg.data.sample import RejectedFile, label_of
from asl_pkg.data.sources import kinds
from asl_pkg.errors import DataError
from asl_pkg.progress import say

REASONS = 4  # reported per kind; the audit lists all
FOLDERS = 6  # listed where folders are not classes


def tell(rejected: Sequence[RejectedFile], source: str) -> None:
    """Report on the terminal which files of a source were left out and why, if any.

    Args:
        rejected: The files.
        source: Name of their source.
    """
    unfit = [file for file in rejected if file.quarantined]
    others = [file for file in rejected if not file.quarantined]
    for found, kind in ((unfit, "unfit"), (others, "left out")):
        if found:
            say(f"{source}: {len(found):,} {kind}: {counted(found)}")


def counted(rejected: Iterable[RejectedFile]) -> str:
    """Count files by reason, the most frequent first, with an example each, and by folder where the folder is wrong."""
    rejected = list(rejected)
    examples = {file.reason: file.path for file in reversed(rejected)}
    folders: dict[str, Counter[str]] = defaultdict(Counter)
    for item in rejected:
        if item.no_class:
            folders[item.reason][PurePosixPath(item.path).parent.name] += 1
    counts = Counter(item.reason for item in rejected).most_common()
    texts = [
        f"{count:,} {reason}, as {_printable(examples[reason])}{_listed(folders[reason])}"
        for reason, count in counts[:REASONS]
    ]
    rest = sum(count for _, count in counts[REASONS:])
    return "; ".join(texts + [f"{rest:,} for other reasons"] * bool(rest))


def _listed(folders: Counter[str]) -> str:
    """Folders that name no class, with their number of images; empty if there is only the example's."""
    if len(folders) < 2:
        return ""
    texts = [f"{_printable(name) or 'the top'} {count:,}" for name, count in folders.most_common(FOLDERS)]
    return f" (by folder: {', '.join([*texts, '…'] if len(folders) > FOLDERS else texts)})"


def require_classes(labels: Sequence[int], text: str, rejected: Sequence[RejectedFile], source: str) -> None:
    """Refuse a source that lacks a chosen class, or has too few classes.

    Args:
        labels: Labels of its images, at least one.
        text: The setting `data.classes`.
        rejected: Its rejected files.
        source: Setting and path, as `data.path=FOLDER`.

    Raises:
        DataError: Says how many images each class has.
    """
    counts = Counter(labels)
    found = ", ".join(f"{contract.CLASSES[label]} ({counts[label]:,})" for label in sorted(counts))
    others = f"; left out: {counted(rejected)}" if rejected else ""
    missing = [contract.CLASSES[label] for label in chosen_labels(text) if not counts[label]] if text.strip() else []
    if missing:
        rest = ",".join(contract.CLASSES[label] for label in sorted(counts))
        mended = f"set data.classes={rest}" if len(counts) >= FEWEST else "add images of it"
        raise DataError(
            f"data.classes={text}: {source} has no image of {', '.join(missing)}, it has {found}: {mended}{others}"
        )
    if len(counts) < FEWEST:
        raise DataError(
            f"{source} has images of only one class, {found}, expected folders of at least {FEWEST} classes "
            f"({POSSIBLE}){others}"
        )


def require_fit(
    rejected: Sequence[RejectedFile],
    kept: int,
    most: float,
    source: str,
    folder: str = "",
    classes: Collection[int] = (),
) -> None:
    """Refuse a source without images, or with too many unfit files.

    Args:
        rejected: Its rejected files.
        kept: Number of images that passed.
        most: Largest allowed share of unfit files.
        source: Setting and path, as `data.path=FOLDER`.
        folder: The source, if it is a local folder whose archives data=archive could read.
        classes: Labels of the images, where `data.classes` can choose them.

    Raises:
        DataError: Says what was found.
    """
    unfit = [file for file in rejected if file.quarantined]
    if not kept:
        seen = counted(unfit or rejected) or "it is empty"
        raise DataError(
            f"{source} holds no image of a class, expected …/<CLASS>/<name>.jpg: {seen}{_hint(rejected, folder)}"
        )
    if len(unfit) > most * (len(unfit) + kept):
        raise DataError(
            f"{len(unfit):,} of {len(unfit) + kept:,} images are unfit, expected at most "
            f"data.max_quarantined={most:g} of them: {counted(unfit)}{_way_around(unfit, kept, most, classes)}"
        )


def _hint(rejected: Sequence[RejectedFile], folder: str) -> str:
    """Advice for a source that holds only archives or tables, or wrong folder names."""
    here = label_of(PurePosixPath(folder).name) if folder else None
    if here is not None and any(item.no_class for item in rejected):
        parent = shlex.quote(str(PurePosixPath(folder).parent))
        return f"; data.path is the folder of class {contract.CLASSES[here]} only: data.path={parent} reads all classes"
    if any(item.no_class for item in rejected):
        return f"; name the folders that hold the images after their classes: {POSSIBLE}"
    archives = [file.path for file in rejected if PurePosixPath(file.path).suffix.lower() in kinds.ARCHIVES]
    if len(archives) == 1 and folder:
        return f"; `asl pull data=archive data.path={shlex.quote(f'{folder}/{archives[0]}')}` reads the archive"
    if archives:
        return "; unpack the archives into one folder first, or pull one of them with data=archive"
    if any(PurePosixPath(file.path).suffix.lower() in kinds.TABLES for file in rejected):
        return "; turn the table of pixels into image files first: one per row, in a folder named after its class"
    return ""


def _way_around(unfit: Sequence[RejectedFile], kept: int, most: float, classes: Collection[int]) -> str:
    """The setting that leaves out folders of no class, where nothing else is wrong with the source."""
    others = sum(not item.no_class for item in unfit)
    if len(classes) < FEWEST or others == len(unfit) or others > most * (others + kept):
        return ""
    names = ",".join(contract.CLASSES[label] for label in sorted(classes))
    return f"; data.classes={names} reads only these classes and leaves out all other folders"


def _printable(path: str) -> str:
    return path if path.isprintable() else ascii(path)
