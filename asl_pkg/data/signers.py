"""Whose hand a picture shows, where nobody but the folders or the user's table says so."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from asl_pkg.data.picture import UNKNOWN_SIGNER
from asl_pkg.errors import DataError

HALVES = re.compile(r"(?<![a-z])(train|test|val|valid|validation|dev|training|testing)(?![a-z])")


class Known(NamedTuple):
    """What a table says of a picture: its signer, and its recording where it has that column."""

    signer: str
    recording: str | None


def read_table(path: Path) -> dict[str, Known]:
    """Read the user's table.

    Args:
        path: a CSV file with a header: path (as in the source), signer, and recording if known.

    Returns:
        What it says, by path.

    Raises:
        DataError: there is no such file, or it is no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"path", "signer"} <= set(reader.fieldnames or ()):
                raise DataError(f"{path}: columns {reader.fieldnames}, expected path,signer or path,signer,recording")
            return {row["path"]: Known(row["signer"] or UNKNOWN_SIGNER, row.get("recording") or None) for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a CSV file ({error})") from error


def signers_of_folders(paths: Sequence[str]) -> list[str] | None:
    """Take the folders above the class folders for signers: …/<SIGNER>/<CLASS>/<name>.

    Args:
        paths: of all pictures in the source.

    Returns:
        The signer of each; None where there is one such folder only, or where they are halves of one set, as `train`.
    """
    folders = [PurePosixPath(path).parent.parent.as_posix() for path in paths]
    distinct = set(folders)
    if len(distinct) < 2 or any(HALVES.search(PurePosixPath(folder).name.lower()) for folder in distinct):
        return None
    return folders
