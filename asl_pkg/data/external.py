"""Other people's images, that `data.external` names: what the audit scores its small model on, never learned from."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.config.schema import FolderData
from asl_pkg.data import left_out
from asl_pkg.data.chosen import only
from asl_pkg.data.ingest import ingest
from asl_pkg.data.sample import RejectedFile
from asl_pkg.data.sources.folder import open_source
from asl_pkg.errors import DataError


class ExternalSet(NamedTuple):
    """Other people's images.

    Args:
        thumbnails: uint8 [m, 32, 32, 3].
        labels: [m].
        rejected: the files that did not pass.
        paths: of the images [m].
    """

    thumbnails: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rejected: list[RejectedFile]
    paths: list[str]


def read_external(path: str, most_unfit: float, classes: str = "") -> ExternalSet | None:
    """Read a folder of other people's images.

    Args:
        path: the folder, with a sub-folder for each of some classes; empty where there is none.
        most_unfit: share of unfit images beyond which they are refused.
        classes: the setting `data.classes`.

    Returns:
        Those that can be read; None for an empty path.

    Raises:
        DataError: there is no such folder, no image in it can be read, or too many are unfit.
    """
    if not path:
        return None
    if not Path(path).is_dir():
        raise DataError(f"data.external={path}: no such folder, expected …/<CLASS>/<name>.jpg in one")
    with tempfile.TemporaryDirectory() as parts:
        ingested = ingest(only(open_source(FolderData(path=path)), classes), Path(parts))
        left_out.require_fit(ingested.rejected, len(ingested.table), most_unfit, f"data.external={path}")
        left_out.tell(ingested.rejected, "data.external")
        return ExternalSet(ingested.thumbnails, np.array(ingested.column("label")), ingested.rejected, ingested.paths)


def of_classes(external: ExternalSet, labels: Sequence[int]) -> ExternalSet:
    """Leave out what no model of a data set could answer rightly, and say so.

    Args:
        external: other people's images.
        labels: of the classes that the data set has.

    Returns:
        Those of these classes, perhaps none.
    """
    rows = np.flatnonzero(np.isin(external.labels, labels))
    others = np.flatnonzero(~np.isin(external.labels, labels)).tolist()
    reasons = [f"of class {contract.CLASSES[external.labels[row]]}, which the data set lacks" for row in others]
    unknown = [
        RejectedFile(external.paths[row], reason, quarantined=False)
        for row, reason in zip(others, reasons, strict=True)
    ]
    left_out.tell(unknown, "data.external")
    paths = [external.paths[row] for row in rows]
    return ExternalSet(external.thumbnails[rows], external.labels[rows], external.rejected + unknown, paths)
