"""The external set of `data.external`: images of other people, only for scoring the audit's small model."""

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
    """Images of other people.

    Args:
        thumbnails: uint8 [m, 32, 32, 3].
        labels: Class of each image [m].
        rejected: Files that did not pass.
        paths: Names of the images [m].
    """

    thumbnails: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rejected: list[RejectedFile]
    paths: list[str]


def read_external(path: str, most_unfit: float, classes: str = "") -> ExternalSet | None:
    """Read the external set.

    Args:
        path: A folder with a sub-folder for each class; empty for no set.
        most_unfit: Largest accepted share of unfit images.
        classes: The setting `data.classes`.

    Returns:
        The images that can be read; None for an empty path.

    Raises:
        DataError: There is no such folder, no image in it can be read, or too many are unfit.
    """
    if not path:
        return None
    if not Path(path).is_dir():
        raise DataError(f"data.external={path}: no such folder, expected a folder with <CLASS>/<name>.jpg in it")
    with tempfile.TemporaryDirectory() as parts:
        ingested = ingest(only(open_source(FolderData(path=path)), classes), Path(parts))
        left_out.require_fit(ingested.rejected, len(ingested.table), most_unfit, f"data.external={path}")
        left_out.tell(ingested.rejected, "data.external")
        return ExternalSet(ingested.thumbnails, np.array(ingested.column("label")), ingested.rejected, ingested.paths)


def of_classes(external: ExternalSet, labels: Sequence[int]) -> ExternalSet:
    """Leave out images of classes that the data set lacks, and say so.

    Args:
        external: Images of other people.
        labels: Labels of the classes that the data set has.

    Returns:
        Images of these classes, perhaps none.
    """
    rows = np.flatnonzero(np.isin(external.labels, labels))
    others = np.flatnonzero(~np.isin(external.labels, labels)).tolist()
    reasons = [f"of class {contract.CLASSES[external.labels[row]]}, which is not in the data set" for row in others]
    unknown = [
        RejectedFile(external.paths[row], reason, quarantined=False)
        for row, reason in zip(others, reasons, strict=True)
    ]
    left_out.tell(unknown, "data.external")
    paths = [external.paths[row] for row in rows]
    return ExternalSet(external.thumbnails[rows], external.labels[rows], external.rejected + unknown, paths)
