"""Members of archives: those to be read must be harmless; the others are left out and counted."""

from pathlib import PurePosixPath

from asl_pkg.data.sample import RejectedFile
from asl_pkg.data.sources import kinds
from asl_pkg.data.sources.layout import rejection_of
from asl_pkg.errors import DataError
from asl_pkg.storage.safe_names import fault_of

TWICE = "a duplicate with the same contents, read once"
LINK_TO_NOTHING = "a link to nothing in the archive"
LINK_TO_FOLDER = "a link to a folder of the archive, whose files are read where they are"
LINK_OR_DEVICE = "is a link or device, expected plain files"


def require_harmless_folder(archive: str, name: str) -> None:
    """Refuse a folder that leads out of the data set; the root, which some programs list as `/`, does not.

    Args:
        archive: Name of the archive, for errors.
        name: Name of the member.

    Raises:
        DataError: It leads out.
    """
    if name.strip("/.") or ".." in name:
        refuse_or_leave(archive, name, fault_of(name), refused=True)


def unused(archive: str, name: str) -> RejectedFile | None:
    """Leave out a file of an archive by its name alone.

    Args:
        archive: Name of the archive, for errors.
        name: Name of the member, with slashes.

    Returns:
        The rejection; None if the file has to be read.

    Raises:
        DataError: The name is dangerous, and the file may be an image.
    """
    path = PurePosixPath(name)
    if rejected := refuse_or_leave(
        archive, name, fault_of(name), not (kinds.is_litter(path) or kinds.has_other_name(path))
    ):
        return rejected
    return rejection_of(name)


def refuse_or_leave(archive: str, name: str, fault: str | None, refused: bool) -> RejectedFile | None:
    """Refuse an archive because of a faulty member, or leave that member out.

    Args:
        archive: Name of the archive, for errors.
        name: Name of the member.
        fault: Text that follows "member NAME"; None without a fault.
        refused: Whether the member would be used.

    Returns:
        The rejection; None without a fault.

    Raises:
        DataError: The member has a fault and would be used.
    """
    if fault and refused:
        raise DataError(f"{archive}: member {name[:100]!r} {fault}")
    return RejectedFile(ascii(name[:100])[1:-1], fault, quarantined=False) if fault else None


def link_without_file(name: str, is_folder: bool) -> RejectedFile:
    """Reject a link that leads to no file of the archive."""
    return RejectedFile(name, LINK_TO_FOLDER, quarantined=False) if is_folder else RejectedFile(name, LINK_TO_NOTHING)


def member_has_image_name(name: str) -> bool:
    """Whether a member has an image's name."""
    return kinds.has_image_name(PurePosixPath(name))
