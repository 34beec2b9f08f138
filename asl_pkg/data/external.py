"""Other people's pictures, that `data.external` names: what the audit scores its small model on, never learned from."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asl_pkg.config import FolderData
from asl_pkg.data import left_out
from asl_pkg.data.arrival import receive
from asl_pkg.data.picture import Rejected
from asl_pkg.data.sources.folder import open_source
from asl_pkg.errors import DataError


class External(NamedTuple):
    """Other people's pictures.

    Args:
        thumbnails: uint8 [m, 32, 32, 3].
        labels: [m].
        rejected: the files that did not pass.
    """

    thumbnails: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rejected: list[Rejected]


def read_external(path: str, most_unfit: float) -> External | None:
    """Read a folder of other people's pictures.

    Args:
        path: the folder, with a sub-folder for each of some classes; empty where there is none.
        most_unfit: share of unfit pictures beyond which they are refused.

    Returns:
        Those that can be read; None for an empty path.

    Raises:
        DataError: there is no such folder, no picture in it can be read, or too many are unfit.
    """
    if not path:
        return None
    if not Path(path).is_dir():
        raise DataError(f"data.external={path}: no such folder, expected …/<CLASS>/<name>.jpg in one")
    with tempfile.TemporaryDirectory() as parts:
        arrival = receive(open_source(FolderData(path=path)), Path(parts))
        left_out.require_fit(arrival.rejected, len(arrival.table), most_unfit, f"data.external={path}")
        left_out.tell(arrival.rejected, "data.external")
        return External(arrival.thumbnails, np.array(arrival.column("label")), arrival.rejected)
