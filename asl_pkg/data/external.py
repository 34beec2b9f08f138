"""Other people's pictures, that `data.external` names: what the audit scores its small model on, never learned from."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asl_pkg.config import FolderData
from asl_pkg.data.arrival import receive
from asl_pkg.data.sources.folder import open_source
from asl_pkg.errors import DataError

External = tuple[NDArray[np.uint8], NDArray[np.int64]]  # thumbnails [m, 32, 32, 3] and labels [m]


def read_external(path: str) -> External | None:
    """Read a folder of other people's pictures.

    Args:
        path: the folder, with a sub-folder for each of some classes; empty where there is none.

    Returns:
        Thumbnails [m, 32, 32, 3] and labels [m] of those that can be read; None for an empty path.

    Raises:
        DataError: there is no such folder, or no picture in it can be read.
    """
    if not path:
        return None
    if not Path(path).is_dir():
        raise DataError(f"data.external={path}: no such folder, expected …/<CLASS>/<name>.jpg in one")
    with tempfile.TemporaryDirectory() as parts:
        arrival = receive(open_source(FolderData(path=path)), Path(parts))
        if not len(arrival.table):
            raise DataError(f"data.external={path} holds no picture of a class, expected …/<CLASS>/<name>.jpg")
        return arrival.thumbnails, np.array(arrival.column("label"))
