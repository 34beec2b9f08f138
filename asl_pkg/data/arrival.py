"""Arrival: every file of a source is checked and hashed, and what passes lies in one spool until its split is known."""

import hashlib
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from asl_pkg.data.hashing import dhash
from asl_pkg.data.picture import Picture, Rejected, Source
from asl_pkg.data.preparation import picture_size, prepare
from asl_pkg.errors import DataError
from asl_pkg.progress import track

MIN_PX = 16  # a hand in less shows no fingers
BATCH = 256  # pictures checked at once and written together

SPOOL_SCHEMA = pa.schema(
    {
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "label": pa.int64(),
        "signer": pa.string(),
        "sha256": pa.string(),
        "dhash": pa.uint64(),
        "landmarks_2d": pa.list_(pa.list_(pa.float32())),
        "landmarks_3d": pa.list_(pa.list_(pa.float32())),
    }
)


@dataclass(frozen=True)
class Arrived:
    """What is remembered of a picture that passed, the bytes aside.

    Args:
        label: index in contract.CLASSES.
        signer: whose hand it shows.
        sequence: the run of frames that it is from.
        frame: its position there, 0 where unknown.
        split: where the source itself decides it, else None.
        sha256: of the bytes, as hex digits.
        size_bytes: of the file.
        width_px: as stored.
        height_px: as stored.
    """

    label: int
    signer: str
    sequence: str
    frame: int
    split: str | None
    sha256: str
    size_bytes: int
    width_px: int
    height_px: int


def receive(source: Source, spool: Path) -> tuple[list[Arrived], list[Rejected]]:
    """Read a source to its end.

    Args:
        source: an opened source.
        spool: the Arrow file to write, one row a picture that passed, in the order of arrival.

    Returns:
        What passed, in the order of the spool's rows, and what did not.

    Raises:
        DataError: the source found something that makes all of it doubtful.
    """
    arrived: list[Arrived] = []
    rejected: list[Rejected] = []
    items = track(source.read(0), source.total, "Reading pictures")
    with (
        pa.OSFile(str(spool), "wb") as file,
        pa.ipc.new_file(file, SPOOL_SCHEMA) as writer,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        while batch := list(itertools.islice(items, BATCH)):
            rows = []
            for outcome in pool.map(_examine, batch):
                if isinstance(outcome, Rejected):
                    rejected.append(outcome)
                else:
                    arrived.append(outcome[0])
                    rows.append(outcome[1])
            writer.write_batch(pa.RecordBatch.from_pylist(rows, SPOOL_SCHEMA))
    return arrived, rejected


def _examine(item: Picture | Rejected) -> Rejected | tuple[Arrived, dict[str, object]]:
    """Decode a picture as training will, so that nothing enters the data set that stops it there."""
    if isinstance(item, Rejected):
        return item
    try:
        width_px, height_px = picture_size(item.data)
        pixels = prepare(item.data)
    except DataError as error:
        return Rejected(item.path, str(error))
    if min(width_px, height_px) < MIN_PX:
        return Rejected(item.path, f"a side is shorter than {MIN_PX} px")
    sha256 = hashlib.sha256(item.data).hexdigest()
    row = {
        "image": {"bytes": item.data, "path": item.path},
        "label": item.label,
        "signer": item.signer,
        "sha256": sha256,
        "dhash": dhash(pixels),
        "landmarks_2d": None if item.landmarks_2d is None else item.landmarks_2d.tolist(),
        "landmarks_3d": None if item.landmarks_3d is None else item.landmarks_3d.tolist(),
    }
    place = (item.label, item.signer, item.sequence, item.frame or 0, item.split)
    return Arrived(*place, sha256, len(item.data), width_px, height_px), row
