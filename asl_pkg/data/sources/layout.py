"""The layout of public data sets: …/<CLASS>/<name><frame>.<ext>, with any number of parent folders."""

import re
from pathlib import PurePosixPath

from asl_pkg.data.preparation import EXPECTED_FORMATS, MAX_IMAGE_BYTES
from asl_pkg.data.sample import UNKNOWN_SIGNER, RejectedFile, Sample, label_of, resembled_class
from asl_pkg.data.sources import kinds

TOO_LARGE = f"more than {MAX_IMAGE_BYTES >> 20} MiB"  # the same reason in every source
LEFT_BY_TOOLS = "left by a file manager or a tool, or hidden"
NO_CLASS = "not in a folder named after a class"
BELOW_CLASS = "not in a folder named after a class but in a folder below one: move it up"
POINTERS = (b"version https://git-lfs.github.com/", b"/annex/objects/")  # in a clone without the contents
FRAME_DIGITS = 18  # more do not fit into 64 bits; the last digits tell neighbours apart
NUMBER = re.compile(r"\d+(?!.*\d)")  # the last one


def printable(path: str) -> str:
    """A name that can be written anywhere: what is not UTF-8 becomes a question mark."""
    return path.encode(errors="replace").decode()


def no_image(path: str) -> RejectedFile | None:
    """Reject a file that cannot be an image, by its name alone.

    Args:
        path: Name of the file, with slashes.

    Returns:
        The rejection; None if it is named as an image, or only its contents tell.
    """
    name = PurePosixPath(path)
    if kinds.is_litter(name):
        return RejectedFile(printable(path), LEFT_BY_TOOLS, quarantined=False)
    return _no_image(path) if kinds.has_other_name(name) else None


def rejection_of(path: str) -> RejectedFile | None:
    """Reject a file that cannot be an image of a class, by its name alone.

    Args:
        path: Name in the source, with slashes.

    Returns:
        The rejection; None if the name is right, or only the contents tell (`item`).
    """
    if rejected := no_image(path):
        return rejected
    if path != printable(path):
        return RejectedFile(printable(path), "a name that is not UTF-8")
    name = PurePosixPath(path)
    if kinds.has_image_name(name) and label_of(name.parent.name) is None:
        return _of_no_class(path)
    return None


def too_large(path: str) -> RejectedFile:
    """Reject a file of more than MAX_IMAGE_BYTES; `rejection_of` has accepted its name."""
    return RejectedFile(path, TOO_LARGE) if kinds.has_image_name(PurePosixPath(path)) else _no_image(path)


def item(path: str, data: bytes) -> Sample | RejectedFile:
    """Turn a file into a sample, or reject it.

    Args:
        path: Name in the source, with slashes; `rejection_of` has accepted it.
        data: Bytes of the file; they decide where the extension does not.

    Returns:
        The sample, or the rejection.
    """
    name = PurePosixPath(path)
    if not kinds.holds_image(name, data):
        return _no_image(path)
    if data.startswith(POINTERS):
        return RejectedFile(path, "a pointer instead of the image: run `git lfs pull` or `git annex get`")
    if label_of(name.parent.name) is None:
        return _of_no_class(path)
    return sample_of(path, data)


def _of_no_class(path: str) -> RejectedFile:
    """Reject an image whose folder names no class; says which name the folder probably needs."""
    *above, folder = ("", *PurePosixPath(path).parent.parts)
    reason = NO_CLASS
    if near := resembled_class(folder):
        reason = f"in a folder {folder!r}, which names no class: rename it to {near!r} if it shows that"
    elif any(label_of(part) is not None for part in above):
        reason = BELOW_CLASS
    return RejectedFile(path, reason, no_class=True)


def _no_image(path: str) -> RejectedFile:
    name = PurePosixPath(path)
    if name.suffix.lower() in kinds.UNREAD_SUFFIXES:
        return RejectedFile(
            printable(path), f"an image in a format that is not read ({kinds.extension(name)}), {EXPECTED_FORMATS}"
        )
    return RejectedFile(printable(path), f"not an image ({kinds.extension(name)})", quarantined=False)


def sample_of(path: str, data: bytes) -> Sample:
    """Make the sample of an image file from its name.

    Args:
        path: Name in the source, with slashes; `rejection_of` has accepted it.
        data: Bytes of the file.

    Returns:
        The sample; its sequence is its path without the frame number.
    """
    name = PurePosixPath(path)
    label = label_of(name.parent.name)
    if label is None:
        raise ValueError(f"{path}: no class")
    number = NUMBER.search(name.stem)
    sequence = name.stem if number is None else name.stem[: number.start()] + name.stem[number.end() :]
    return Sample(
        data=data,
        path=path,
        label=label,
        signer=UNKNOWN_SIGNER,
        sequence=str(name.parent / sequence),
        frame=None if number is None else int(number[0][-FRAME_DIGITS:]),
    )
