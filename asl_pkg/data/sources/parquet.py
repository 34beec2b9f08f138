"""Parquet files of images: our data sets and those of Hugging Face, read a few images at a time."""

import dataclasses
import hashlib
import itertools
import json
import re
import reprlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from asl_pkg import contract
from asl_pkg.config.schema import ParquetData
from asl_pkg.data.hashing import file_digest
from asl_pkg.data.preparation import MAX_IMAGE_BYTES
from asl_pkg.data.sample import UNKNOWN_SIGNER, RejectedFile, Sample, Source, label_of
from asl_pkg.data.sources.layout import TOO_LARGE, sample_of
from asl_pkg.data.sources.tree import files_under
from asl_pkg.errors import DataError
from asl_pkg.progress import track

SUFFIX = ".parquet"
SHARD = re.compile(r"(.*)-\d{5}-of-(\d{5})\.parquet")  # names by Hugging Face and by us
ROWS = 32  # decoded at once
BUFFER_BYTES = 2**20  # read at once; without it, a column of a whole row group is
LANDMARKS = {"landmarks_2d": 2, "landmarks_3d": 3}  # columns of our data sets, and coordinates per point
POINTS = pa.list_(pa.list_(pa.float32()))


def open_source(settings: ParquetData) -> Source:
    """Open the files and read their columns' names and types.

    Args:
        settings: `path` is a .parquet file or a folder of them.

    Returns:
        Their rows, file by file in the order of their names. Columns: image (struct of bytes and path) and label (text,
        or a number with names in Hugging Face's metadata); optionally signer, group and landmarks.

    Raises:
        DataError: There is no file, a shard is missing or damaged, or labels are numbers without names.
    """
    path = Path(settings.path)
    files = _files(path) if path.is_dir() else [path]
    if not settings.path or not files or not path.exists():
        raise DataError(f"no Parquet in {settings.path!r}: run `asl pull data=parquet data.path=FOLDER`")
    _require_all_shards(files)
    names = [_label_names(file) for file in track(files, len(files), "Reading labels", "files")]
    total = sum(_rows_of(file) for file in files)
    listing = [(file.relative_to(path).as_posix(), file.stat().st_size, file_digest(file, str(file))) for file in files]
    state = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    return Source(lambda start: _items(files, names, start), total, state)


def _files(folder: Path) -> list[Path]:
    """Parquet files of a folder; one that cannot be reached is an error, since its rows would be lost unnoticed."""
    found = files_under(folder)
    lost = [
        entry.rejected
        for entry in found
        if entry.rejected and (entry.rejected.quarantined or entry.path.endswith(SUFFIX))
    ]
    if lost:
        raise DataError(f"{folder}: {ascii(lost[0].path)} cannot be read, and may be or contain a .parquet file")
    return sorted(folder / entry.path for entry in found if entry.path.endswith(SUFFIX))


def _require_all_shards(files: Sequence[Path]) -> None:
    matches = [(file.parent, SHARD.fullmatch(file.name)) for file in files]
    found = Counter((str(folder), match[1], match[2]) for folder, match in matches if match)
    for (folder, name, total), count in found.items():
        if count != int(total):
            raise DataError(f"{folder} has {count} of {int(total)} shards {name}-*-of-{total}.parquet, expected all")


@contextmanager
def _opened(file: Path) -> Iterator[pa.parquet.ParquetFile]:
    try:
        with pa.parquet.ParquetFile(file, buffer_size=BUFFER_BYTES) as parquet:
            yield parquet
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: damaged Parquet ({' '.join(str(error).split())})") from error


def _rows_of(file: Path) -> int:
    with _opened(file) as parquet:
        rows: int = parquet.metadata.num_rows
    return rows


def _label_names(file: Path) -> Sequence[str]:
    """Names of the numeric labels; without names only the numbers of all our classes are accepted."""
    with _opened(file) as parquet:
        schema = parquet.schema_arrow
        columns = {field.name: field.type for field in schema}
        image = columns.get("image", pa.null())
        if "label" not in columns or not pa.types.is_struct(image) or image.get_field_index("bytes") < 0:
            raise DataError(
                f"{file}: columns {', '.join(columns)}, expected label and image (struct of bytes and path)"
            )
        if not pa.types.is_integer(columns["label"]):
            return ()
        try:
            return list(json.loads(schema.metadata[b"huggingface"])["info"]["features"]["label"]["names"])
        except (LookupError, ValueError, TypeError):
            numbers = pa.compute.unique(parquet.read(["label"])["label"]).drop_null().to_pylist()
            if sorted(numbers) == list(range(len(contract.CLASSES))):
                return contract.CLASSES
    raise DataError(f"{file}: labels are numbers without names, expected names (Hugging Face's ClassLabel) or text")


def _items(files: Sequence[Path], names: Sequence[Sequence[str]], start: int) -> Iterator[Sample | RejectedFile]:
    for file, labels in zip(files, names, strict=True):
        shard = SHARD.fullmatch(file.name)
        with _opened(file) as parquet:
            columns = _columns(parquet.schema_arrow)
            first = 0
            for group in range(parquet.num_row_groups):
                count = parquet.metadata.row_group(group).num_rows
                if start < first + count:
                    rows = _rows(parquet, group, columns)
                    for number, row in itertools.islice(enumerate(rows, first), max(0, start - first), None):
                        yield _item(row, labels, shard[1] if shard else file.stem, f"{file.stem}-{number}")
                first += count
            start = max(0, start - first)


def _columns(schema: pa.Schema) -> list[str]:
    """Choose the columns to read; landmarks only where they are stored as we store them."""
    ours = [name for name in LANDMARKS if name in schema.names and schema.field(name).type == POINTS]
    return [name for name in ("image", "label", "signer", "group") if name in schema.names] + ours


def _rows(parquet: pa.parquet.ParquetFile, group: int, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    for batch in parquet.iter_batches(ROWS, [group], columns):
        yield from batch.to_pylist()


def _item(row: dict[str, Any], names: Sequence[str], split: str, where: str) -> Sample | RejectedFile:
    image = row["image"] or {}
    path = PurePosixPath(image.get("path") or where)
    if not image.get("bytes"):
        return RejectedFile(str(path), "no bytes in column image")
    if len(image["bytes"]) > MAX_IMAGE_BYTES:
        return RejectedFile(str(path), TOO_LARGE)
    label = _label(row.get("label"), names)
    if label is None:
        return RejectedFile(str(path), _unnamed(row.get("label"), names), no_class=True)
    if (
        label_of(path.parent.name) != label
    ):  # Hugging Face keeps only the last part of a path: A1.jpg may be in train and in test
        path = PurePosixPath(split) / path.parent / contract.CLASSES[label] / path.name
    found = sample_of(str(path), image["bytes"])
    named = row.get("signer")
    signer = UNKNOWN_SIGNER if named in (None, "") else str(named)  # a number may be 0
    return dataclasses.replace(
        found,
        signer=signer,
        sequence=str(row.get("group") or found.sequence).removeprefix(f"{signer}/"),
        landmarks_2d=_landmarks(row, "landmarks_2d"),
        landmarks_3d=_landmarks(row, "landmarks_3d"),
    )


def _unnamed(value: Any, names: Sequence[str]) -> str:
    """Reason for a label that names no class, with the label in short form."""
    said = names[value] if isinstance(value, int) and 0 <= value < len(names) else value
    return f"label {reprlib.repr(said)} names no class"


def _label(value: Any, names: Sequence[str]) -> int | None:
    if isinstance(value, int):
        value = names[value] if 0 <= value < len(names) else None
    return label_of(value) if isinstance(value, str) else None


def _landmarks(row: dict[str, Any], column: str) -> np.ndarray | None:
    points = row.get(column)
    if points is None or {len(point or ()) for point in points} != {LANDMARKS[column]}:
        return None
    return np.array(points, np.float32)
