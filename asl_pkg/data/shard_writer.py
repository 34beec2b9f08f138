"""Writer of the Parquet shards of a data set.

Column names and the `image` struct are those of Hugging Face datasets: it, DuckDB and pandas open the shards.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from asl_pkg import contract
from asl_pkg.data.dataset import ROW_GROUP

SHARD_BYTES = 256 * 2**20
REPEATED = ("signer", "group", "split")  # columns with dictionary encoding


def write_splits(dataset_dir: Path, spool: Iterable[pa.Table], splits: np.ndarray, groups: Sequence[str]) -> None:
    """Write the shards of all splits, a few hundred images of each in memory at a time.

    Args:
        dataset_dir: The folder to write into.
        spool: All images in the source's order, some at a time, see ingest.PARTS_SCHEMA.
        splits: Splits of all images, str [n]; images of no split are left out.
        groups: Groups of all images.
    """
    shards = {split: _Shards(dataset_dir, split) for split in contract.SPLITS}
    start = 0
    for some in spool:
        own, schema = splits[start : start + len(some)], _schema(some.schema)
        table = some.append_column("group", pa.array(groups[start : start + len(some)], pa.string()))
        table = table.append_column("split", pa.array(own, pa.string())).select(schema.names).cast(schema)
        for split, written in shards.items():
            written.add(table.filter(pa.array(own == split)))
        start += len(some)
    for written in shards.values():
        written.close()


class _Shards:
    """The files of a split: a new one when the last is large enough.

    Not pyarrow's write_dataset, which takes rows faster than it writes them and holds the rest in memory.

    Args:
        folder: Folder of the data set.
        split: One of contract.SPLITS.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self._folder, self._split = folder, split
        self._waiting: list[pa.Table] = []
        self._writers: list[pa.parquet.ParquetWriter] = []
        self._left_bytes = 0  # that the last file may still take

    def add(self, table: pa.Table) -> None:
        """Add some rows; whole row groups are written."""
        self._waiting.append(table)
        while sum(map(len, self._waiting)) >= ROW_GROUP:
            together = pa.concat_tables(self._waiting)
            self._write(together[:ROW_GROUP])
            self._waiting = [together[ROW_GROUP:]]

    def close(self) -> None:
        """Write the rest, and put the number of files into their names."""
        rest = pa.concat_tables(self._waiting)
        if len(rest) or not self._writers:
            self._write(rest)
        self._writers[-1].close()
        for number in range(len(self._writers)):
            path = self._path(number)
            path.rename(path.with_name(f"{self._split}-{number:05}-of-{len(self._writers):05}.parquet"))

    def _write(self, rows: pa.Table) -> None:
        if self._left_bytes <= 0:
            if self._writers:
                self._writers[-1].close()
            path = self._path(len(self._writers))
            self._writers.append(pa.parquet.ParquetWriter(path, rows.schema, use_dictionary=list(REPEATED)))
            self._left_bytes = SHARD_BYTES
        self._writers[-1].write_table(rows)
        self._left_bytes -= rows.nbytes

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._split}-{number}.parquet"


def _schema(spool: pa.Schema) -> pa.Schema:
    """The columns in order, with the metadata of Hugging Face datasets."""
    landmarks = {"feature": {"feature": {"dtype": "float32", "_type": "Value"}, "_type": "List"}, "_type": "List"}
    features: dict[str, Any] = {
        "image": {"_type": "Image"},
        "label": {"names": list(contract.CLASSES), "_type": "ClassLabel"},
        "signer": {"dtype": "string", "_type": "Value"},
        "group": {"dtype": "string", "_type": "Value"},
        "split": {"dtype": "string", "_type": "Value"},
        "sha256": {"dtype": "string", "_type": "Value"},
        "dhash": {"dtype": "uint64", "_type": "Value"},
        "landmarks_2d": landmarks,
        "landmarks_3d": landmarks,
    }
    fields = [spool.field(name) if name in spool.names else pa.field(name, pa.string()) for name in features]
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})
