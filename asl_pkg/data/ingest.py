"""Ingest: every file of a source is checked and hashed; what passes is kept in parts on disk until it is split.

A part is written under another name and then renamed, so a part with its final name is complete, and a killed pull
resumes after the last part.
"""

import hashlib
import itertools
import json
import mmap
import os
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from asl_pkg.data.hashing import THUMBNAIL_PX, dhash, thumbnail
from asl_pkg.data.preparation import image_size, prepare
from asl_pkg.data.privacy import is_private, without_private
from asl_pkg.data.sample import RejectedFile, Sample, Source
from asl_pkg.errors import DataError
from asl_pkg.progress import track
from asl_pkg.storage.atomic import require_space, write_json

MIN_PX = 16  # a smaller hand shows no fingers
BATCH = 256  # images checked and written together
PART_IMAGES = 4 * BATCH  # at most so many images are read again after a killed pull
COPIES = 2.2  # of the images' bytes on disk at the peak: the parts and the shards

PARTS_SCHEMA = pa.schema(
    {
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "label": pa.int64(),
        "signer": pa.string(),
        "sequence": pa.string(),
        "frame": pa.int64(),
        "source_split": pa.string(),
        "sha256": pa.string(),
        "dhash": pa.uint64(),
        "thumbnail": pa.binary(THUMBNAIL_PX * THUMBNAIL_PX * 3),
        "size_bytes": pa.int64(),
        "width_px": pa.int64(),
        "height_px": pa.int64(),
        "private": pa.bool_(),
        "landmarks_2d": pa.list_(pa.list_(pa.float32())),
        "landmarks_3d": pa.list_(pa.list_(pa.float32())),
    }
)


@dataclass(frozen=True)
class IngestedData:
    """Files of a source.

    Args:
        table: Images that passed, in the source's order, mapped from the parts; columns of PARTS_SCHEMA.
        rejected: Files that did not pass.
        maps: Memory maps of the parts.
    """

    table: pa.Table
    rejected: list[RejectedFile]
    maps: Sequence[mmap.mmap] = ()

    def column(self, name: str) -> list[Any]:
        """Values of a column; not for `image`, which is large."""
        values: list[Any] = self.table[name].to_pylist()
        return values

    @cached_property
    def paths(self) -> list[str]:
        """Names of the images in the source."""
        paths: list[str] = pa.compute.struct_field(self.table["image"], "path").to_pylist()
        return paths

    @cached_property
    def thumbnails(self) -> np.ndarray:
        """Thumbnails of the images, uint8 [n, THUMBNAIL_PX, THUMBNAIL_PX, 3]."""
        stored = [np.frombuffer(chunk.buffers()[1], np.uint8) for chunk in self.table["thumbnail"].chunks if len(chunk)]
        thumbnails = np.concatenate(stored).reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX, 3)
        self.release_memory()
        return thumbnails

    def release_memory(self) -> None:
        """Release the memory of the mapped parts; they are read again on the next access."""
        for part in self.maps:
            part.madvise(mmap.MADV_DONTNEED)


def ingest(source: Source, folder: Path, strip_private: bool = False) -> IngestedData:
    """Read a whole source; resumes an earlier call with the same folder.

    Args:
        source: An opened source, in the same state as in the earlier call.
        folder: Folder for the parts.
        strip_private: Whether to remove EXIF that reveals place or person.

    Returns:
        Images that passed, and rejected files.

    Raises:
        DataError: The whole source cannot be trusted, or the disk is too small.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = sorted(folder.glob("*.arrow"))
    ingested = _open(parts)
    names = {_folded(path) for path in ingested.paths}
    done = len(ingested.table) + len(ingested.rejected)
    items = _once(track(source.read(done), source.total, "Reading images", done=done), names)
    while batch := list(itertools.islice(items, PART_IMAGES)):
        part = folder / f"{len(parts):06}.arrow"
        size = _write_part(part, batch, strip_private)
        parts.append(part)
        if source.total:
            rest = max(0, source.total - len(parts) * PART_IMAGES)
            require_space(folder, int(size * (rest / PART_IMAGES + len(parts)) * (COPIES - 1)), "the data set")
    return _open(parts)


def _folded(path: str) -> str:
    """The name on file systems that ignore case or know only one Unicode form."""
    return unicodedata.normalize("NFC", path).casefold()


def _once(items: Iterator[Sample | RejectedFile], names: set[str]) -> Iterator[Sample | RejectedFile]:
    """Reject names that some file systems cannot tell from an earlier one."""
    for item in items:
        name = _folded(item.path)
        if isinstance(item, Sample) and name in names:
            yield RejectedFile(item.path, "a name that differs from another only in case or Unicode form")
        else:
            names.add(name)
            yield item


def _write_part(path: Path, items: list[Sample | RejectedFile], strip_private: bool) -> int:
    """Check some files and write a part; returns its size in bytes."""

    def examine(item: Sample | RejectedFile) -> RejectedFile | dict[str, object]:
        return item if isinstance(item, RejectedFile) else _examine(item, strip_private)

    rejected = []
    beside = path.with_suffix(".writing")
    with (
        pa.OSFile(str(beside), "wb") as file,
        pa.ipc.new_file(file, PARTS_SCHEMA) as writer,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        for start in range(0, len(items), BATCH):
            outcomes = list(pool.map(examine, items[start : start + BATCH]))
            rows = [outcome for outcome in outcomes if not isinstance(outcome, RejectedFile)]
            rejected += [asdict(outcome) for outcome in outcomes if isinstance(outcome, RejectedFile)]
            writer.write_batch(pa.RecordBatch.from_pylist(rows, PARTS_SCHEMA))
    write_json(path.with_suffix(".json"), rejected)  # first: the part is complete once the Arrow file exists
    beside.replace(path)
    return path.stat().st_size


def _open(parts: list[Path]) -> IngestedData:
    maps = [_mapped(part) for part in parts]
    tables = [pa.ipc.open_file(pa.py_buffer(part)).read_all() for part in maps]
    rejected = [
        RejectedFile(**file) for part in parts for file in json.loads(part.with_suffix(".json").read_text("utf-8"))
    ]
    return IngestedData(pa.concat_tables([PARTS_SCHEMA.empty_table(), *tables]), rejected, maps)


def _mapped(part: Path) -> mmap.mmap:
    with part.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _examine(item: Sample, strip_private: bool) -> RejectedFile | dict[str, object]:
    """Decode an image as training will, so that no image in the data set can stop it."""
    try:
        width_px, height_px = image_size(item.data)
        pixels = prepare(item.data)
    except DataError as error:
        return RejectedFile(item.path, str(error))
    if min(width_px, height_px) < MIN_PX:
        return RejectedFile(item.path, f"a side is shorter than {MIN_PX} px")
    private = is_private(item.data)
    try:
        data = without_private(item.data) if private and strip_private else item.data
    except DataError as error:
        return RejectedFile(item.path, str(error))
    return {
        "image": {"bytes": data, "path": item.path},
        "label": item.label,
        "signer": item.signer,
        "sequence": item.sequence,
        "frame": item.frame or 0,
        "source_split": item.split,
        "sha256": hashlib.sha256(data).hexdigest(),
        "dhash": dhash(pixels),
        "thumbnail": thumbnail(pixels).tobytes(),
        "size_bytes": len(data),
        "width_px": width_px,
        "height_px": height_px,
        "private": private,
        "landmarks_2d": None if item.landmarks_2d is None else item.landmarks_2d.tolist(),
        "landmarks_3d": None if item.landmarks_3d is None else item.landmarks_3d.tolist(),
    }
