"""What a source gives: an image file with what is known about it, or a file that cannot be one."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from asl_pkg import contract

UNKNOWN_SIGNER = "unknown"

# Spellings of public data sets beside our own
ALIASES = {"delete": "del", "blank": "nothing"}
LABELS = {name.lower(): label for label, name in enumerate(contract.CLASSES)}
# What people call a class too: such a folder is not read, but its owner is told the name that would be
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
        data: the file's bytes, as they are.
        path: its name in the source.
        label: index in contract.CLASSES.
        signer: whose hand it shows; UNKNOWN_SIGNER where nobody says.
        sequence: the run of frames that it is from: a recording, or the files that share a name but for its number.
        frame: its position there; None where the name has no number.
        split: where the source itself decides it, else None.
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
    """A file that stays out of the data set.

    Args:
        path: its name in the source.
        reason: why, in words that are the same for all files of the kind.
        quarantined: it should have been an image; False for what never claimed to be one, as a README.
        no_class: nothing else is wrong with it than that nobody says which class it shows.
    """

    path: str
    reason: str
    quarantined: bool = True
    no_class: bool = False


@dataclass(frozen=True)
class Source:
    """An opened source.

    Args:
        read: gives its files from the nth on, each once, in an order that is the same each time.
        total: how many; None where only reading tells.
        state: changes whenever the contents do (a digest of them or of their listing).
    """

    read: Callable[[int], Iterator[Sample | RejectedFile]]
    total: int | None
    state: str


def label_of(folder: str) -> int | None:
    """Find the class that a folder's name spells.

    Args:
        folder: as `A`, `a`, `del`, `delete`, `nothing`, `blank`, `space`.

    Returns:
        The index in contract.CLASSES, None where it spells no class.
    """
    name = folder.strip().lower()
    return LABELS.get(ALIASES.get(name, name))


def resembled_class(folder: str) -> str | None:
    """Find the class that a folder's name comes close to, for a message: nobody knows whether it shows it.

    Args:
        folder: spells no class, as `delete1`, `Space_`, `letter_A`, `A (1)`, `backspace`, `background`.

    Returns:
        The name of the class; None where none is near, or several may be, as of `0` and `Thank_you`.
    """
    found = AROUND.match(folder.strip().lower())
    core = re.sub(r"[\s_-]+", " ", found[1]).strip() if found else ""
    label = LABELS.get(RESEMBLING.get(core, core))
    return None if label is None else contract.CLASSES[label]
