"""Writing the Parquet shards of a data set.

Column names and the `image` struct are those of Hugging Face datasets, so that it, DuckDB and pandas open the shards.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset

from asl_pkg import contract
from asl_pkg.data.dataset import ROW_GROUP

SHARD_BYTES = 256 * 2**20


def write_split(dataset_dir: Path, split: str, spool: pa.Table, splits: np.ndarray, groups: Sequence[str]) -> None:
    """Write the shards of a split, a few hundred pictures in memory at a time.

    Args:
        dataset_dir: the folder to write into.
        split: one of contract.SPLITS.
        spool: all pictures, see arrival.PARTS_SCHEMA.
        splits: of all pictures, str [n].
        groups: of all pictures.
    """
    schema = _schema(spool.schema)
    rows = np.flatnonzero(splits == split)
    picture_bytes = spool.nbytes / max(1, len(spool))
    pa.dataset.write_dataset(
        _batches(spool, split, splits, groups, schema),
        dataset_dir,
        schema=schema,
        format="parquet",
        basename_template=f"{split}-{{i}}.parquet",
        max_rows_per_file=max(ROW_GROUP, int(SHARD_BYTES / picture_bytes)),
        min_rows_per_group=min(ROW_GROUP, len(rows)),
        max_rows_per_group=ROW_GROUP,
        file_options=pa.dataset.ParquetFileFormat().make_write_options(use_dictionary=["signer", "group", "split"]),
        existing_data_behavior="overwrite_or_ignore",
        use_threads=False,
    )
    written = sorted(dataset_dir.glob(f"{split}-*.parquet"), key=lambda path: int(path.stem.rpartition("-")[2]))
    for number, path in enumerate(written):
        path.rename(dataset_dir / f"{split}-{number:05}-of-{len(written):05}.parquet")


def _batches(
    spool: pa.Table, split: str, splits: np.ndarray, groups: Sequence[str], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(spool), ROW_GROUP):
        chosen = pa.array(splits[start : start + ROW_GROUP] == split)
        part = spool.slice(start, ROW_GROUP)
        part = part.append_column("group", pa.array(groups[start : start + ROW_GROUP], pa.string())).filter(chosen)
        part = part.append_column("split", pa.array([split] * len(part), pa.string()))
        yield from part.select(schema.names).cast(schema).to_batches()


def _schema(spool: pa.Schema) -> pa.Schema:
    """The columns in the order of the contract, with what Hugging Face datasets wants to know of them."""
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
