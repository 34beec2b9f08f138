"""What stayed out of a data set, told on the terminal, and refused beyond the share that the user allows."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from asl_pkg.data.picture import Rejected
from asl_pkg.data.sources import kinds
from asl_pkg.errors import DataError
from asl_pkg.progress import say

REASONS = 4  # told of each kind; the audit lists all


def tell(rejected: Sequence[Rejected], source: str) -> None:
    """Say on the terminal what stayed out of a source and why, if anything did.

    Args:
        rejected: the files.
        source: what they come from.
    """
    unfit = [one for one in rejected if one.quarantined]
    others = [one for one in rejected if not one.quarantined]
    for found, kind in ((unfit, "unfit"), (others, "left out")):
        if found:
            say(f"{source}: {len(found):,} {kind}: {counted(found)}")


def counted(rejected: Iterable[Rejected]) -> str:
    """Count files by reason, the most frequent first, with an example each."""
    rejected = list(rejected)
    examples = {one.reason: one.path for one in reversed(rejected)}
    counts = Counter(one.reason for one in rejected).most_common()
    texts = [f"{count:,} {reason}, as {_printable(examples[reason])}" for reason, count in counts[:REASONS]]
    rest = sum(count for _, count in counts[REASONS:])
    return "; ".join(texts + [f"{rest:,} for other reasons"] * bool(rest))


def require_fit(rejected: Sequence[Rejected], kept: int, most: float, source: str, folder: str = "") -> None:
    """Refuse a source without an image, or one that is damaged as a whole.

    Args:
        rejected: its files that did not pass.
        kept: how many images did.
        most: share of unfit files that is allowed.
        source: the setting and the path, as `data.path=FOLDER`.
        folder: the source, where it is a folder of this machine that data=archive could read from.

    Raises:
        DataError: says what was seen.
    """
    unfit = [one for one in rejected if one.quarantined]
    if not kept:
        seen = counted(unfit or rejected) or "it is empty"
        raise DataError(
            f"{source} holds no image of a class, expected …/<CLASS>/<name>.jpg: {seen}{_hint(rejected, folder)}"
        )
    if len(unfit) > most * (len(unfit) + kept):
        raise DataError(
            f"{len(unfit):,} of {len(unfit) + kept:,} pictures are unfit, expected at most "
            f"data.max_quarantined={most:g} of them: {counted(unfit)}"
        )


def _hint(rejected: Sequence[Rejected], folder: str) -> str:
    """What to do with a source of archives or tables only."""
    archives = [one.path for one in rejected if PurePosixPath(one.path).suffix.lower() in kinds.ARCHIVES]
    if len(archives) == 1 and folder:
        return f"; `asl pull data=archive data.path={shlex.quote(f'{folder}/{archives[0]}')}` reads the archive"
    if archives:
        return "; unpack the archives into one folder first, or pull one of them with data=archive"
    if any(PurePosixPath(one.path).suffix.lower() in kinds.TABLES for one in rejected):
        return "; make image files of a table of pixels first: one a row, in a folder named after its class"
    return ""


def _printable(path: str) -> str:
    return path if path.isprintable() else ascii(path)
