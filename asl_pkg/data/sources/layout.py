"""The layout of public sets: …/<CLASS>/<name><frame>.<ext>, with any number of parent folders."""

import re
from pathlib import PurePosixPath

from asl_pkg.data.picture import UNKNOWN_SIGNER, Picture, Rejected, label_of
from asl_pkg.data.preparation import MAX_BYTES

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
TOO_LARGE = f"more than {MAX_BYTES >> 20} MiB"  # the reason of every source
FRAME_DIGITS = 18  # more do not fit into 64 bits; the last ones tell neighbours apart
NUMBER = re.compile(r"\d+(?!.*\d)")  # the last one


def rejection_of(path: str) -> Rejected | None:
    """Say why a file of the source cannot be a picture of a class, from its name alone.

    Args:
        path: in the source, with slashes.

    Returns:
        The rejection, None where the name is right.
    """
    text = path.encode(errors="replace").decode()
    if path != text:
        return Rejected(text, "a name that is not UTF-8")
    name = PurePosixPath(path)
    if name.name.startswith(".") or name.suffix.lower() not in SUFFIXES:
        return Rejected(path, f"not named {', '.join(SUFFIXES)}", quarantined=False)
    if label_of(name.parent.name) is None:
        return Rejected(path, "not in a folder named after a class")
    return None


def picture(path: str, data: bytes) -> Picture:
    """Make a picture of a file whose name says its class and frame.

    Args:
        path: in the source, with slashes; `rejection_of` finds nothing against it.
        data: the file's bytes.

    Returns:
        The picture; its sequence is its path without the frame number.
    """
    name = PurePosixPath(path)
    label = label_of(name.parent.name)
    if label is None:
        raise ValueError(f"{path}: no class")
    number = NUMBER.search(name.stem)
    sequence = name.stem if number is None else name.stem[: number.start()] + name.stem[number.end() :]
    return Picture(
        data=data,
        path=path,
        label=label,
        signer=UNKNOWN_SIGNER,
        sequence=str(name.parent / sequence),
        frame=None if number is None else int(number[0][-FRAME_DIGITS:]),
    )
