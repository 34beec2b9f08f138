"""What a source yields: an image file with its facts, or a file that is rejected."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from asl_pkg import contract

UNKNOWN_SIGNER = "unknown"

# Spellings in public data sets, beside our own
ALIASES = {"delete": "del", "blank": "nothing"}
LABELS = {name.lower(): label for label, name in enumerate(contract.CLASSES)}
# Other names that people give a class: such a folder is not read, but an error names the right one
RESEMBLING = ALIASES | {
    "backspace": "del",
    "deletion": "del",
    "none": "nothing",
    "empty": "nothing",
    "background": "nothing",
    "no hand": "nothing",
    "no sign": "nothing",
    "spacebar": "space",
    "whitespace": "space",
}
AROUND = re.compile(r"^(?:(?:letter|sign|class|asl|alphabet|alpha|char|folder)[\s_-]+)?(.+?)[\s_-]*(?:\(\d+\)|\d+)?$")


@dataclass(frozen=True)
class Sample:
    """One image file.

    Args:
        data: Bytes of the file.
        path: Name of the file in the source.
        label: Index in contract.CLASSES.
        signer: Whose hand it shows; UNKNOWN_SIGNER if unknown.
        sequence: Its run of frames: a recording, or the files whose names differ only in a number.
        frame: Position in the sequence; None if the name has no number.
        split: Split that the source itself chose, else None.
        landmarks_2d: float32 [21, 2] in pixels of the image, or None.
        landmarks_3d: float32 [21, 3] in hand lengths, or None.
    """

    data: bytes
    path: str
    label: int
    signer: str
    sequence: str
    frame: int | None = None
    split: str | None = None
    landmarks_2d: np.ndarray | None = None
    landmarks_3d: np.ndarray | None = None


@dataclass(frozen=True)
class RejectedFile:
    """A file that is left out of the data set.

    Args:
        path: Name of the file in the source.
        reason: Why it is rejected, in the same words for all files of the kind.
        quarantined: Whether it should have been an image; False for other files, such as a README.
        no_class: Whether its only fault is that its class is unknown.
    """

    path: str
    reason: str
    quarantined: bool = True
    no_class: bool = False


@dataclass(frozen=True)
class Source:
    """An opened source.

    Args:
        read: Yields its files from the nth on, each once, always in the same order.
        total: Number of files; None if it is known only after reading.
        state: Digest of the contents or of their listing; changes whenever they do.
    """

    read: Callable[[int], Iterator[Sample | RejectedFile]]
    total: int | None
    state: str


def label_of(folder: str) -> int | None:
    """Find the class that a folder is named after.

    Args:
        folder: Name such as `A`, `a`, `del`, `delete`, `nothing`, `blank` or `space`.

    Returns:
        The index in contract.CLASSES; None if it names no class.
    """
    name = folder.strip().lower()
    return LABELS.get(ALIASES.get(name, name))


def resembled_class(folder: str) -> str | None:
    """Find the class that a folder is probably named after, for a message.

    Args:
        folder: Name of no class, such as `delete1`, `Space_`, `letter_A`, `A (1)`, `backspace` or `background`.

    Returns:
        The name of the class; None if no class or several are similar, as for `0` and `Thank_you`.
    """
    found = AROUND.match(folder.strip().lower())
    core = re.sub(r"[\s_-]+", " ", found[1]).strip() if found else ""
    label = LABELS.get(RESEMBLING.get(core, core))
    return None if label is None else contract.CLASSES[label]
