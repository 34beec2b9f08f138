import json
from pathlib import Path

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet
import pytest

from asl_pkg import contract
from asl_pkg.data import shard_writer
from asl_pkg.data.dataset import ROW_GROUP, read_info, read_split, shards
from asl_pkg.data.ingest import PARTS_SCHEMA
from asl_pkg.data.shard_writer import write_splits
from asl_pkg.errors import DataError

ROWS = 1300


def spool(rows: int, image_bytes: int = 10) -> pa.Table:
    image = [
        {
            "image": {"bytes": bytes([number % 256]) * image_bytes, "path": f"A/{number}.jpg"},
            "label": number % len(contract.CLASSES),
            "signer": "x",
            "sha256": f"{number:064x}",
            "dhash": 2**64 - 1 - number,
            "landmarks_2d": None if number % 2 else [[0.5, 1.5]] * 21,
            "landmarks_3d": None,
        }
        for number in range(rows)
    ]
    return pa.Table.from_pylist(image, pa.schema([PARTS_SCHEMA.field(name) for name in image[0]]))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    splits = np.array([contract.SPLITS[number % 3] for number in range(ROWS)])
    table = spool(ROWS)
    write_splits(tmp_path, [table[:333], table[333:]], splits, [f"g{number // 9}" for number in range(ROWS)])
    return tmp_path


def test_every_row_is_in_its_split_in_the_order_of_arrival(written: Path) -> None:
    for offset, split in enumerate(contract.SPLITS):
        table = read_split(written, split)
        assert table["dhash"].to_pylist() == [2**64 - 1 - number for number in range(offset, ROWS, 3)]
        assert table["group"].to_pylist() == [f"g{number // 9}" for number in range(offset, ROWS, 3)]
        assert set(table["split"].to_pylist()) == {split}


def test_a_row_comes_back_as_it_was(written: Path) -> None:
    row = read_split(written, "train").slice(0, 1).to_pylist()[0]
    assert row == {
        **spool(1).to_pylist()[0],
        "group": "g0",
        "split": "train",
    }


def test_only_the_columns_asked_for_are_read(written: Path) -> None:
    assert read_split(written, "test", ["label", "sha256"]).column_names == ["label", "sha256"]


def test_pandas_opens_a_shard(written: Path) -> None:
    frame = pandas.read_parquet(shards(written, "train")[0])
    assert frame["image"][0]["path"] == "A/0.jpg"
    assert frame["label"].tolist()[:2] == [0, 3]


def test_large_splits_have_several_shards_and_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 600 * 1000)
    write_splits(tmp_path, [spool(ROWS, 1000)], np.full(ROWS, "train"), ["g"] * ROWS)
    found = shards(tmp_path, "train")
    assert [path.name for path in found] == [
        f"train-{number:05}-of-{len(found):05}.parquet" for number in range(len(found))
    ]
    assert len(found) > 1
    assert max(pyarrow.parquet.ParquetFile(path).metadata.row_group(0).num_rows for path in found) <= ROW_GROUP
    assert read_split(tmp_path, "train")["image"].to_pylist() == spool(ROWS, 1000)["image"].to_pylist()


def test_a_missing_shard_is_an_error_that_names_the_command(written: Path) -> None:
    shards(written, "test")[0].rename(written / "test-00000-of-00002.parquet")
    with pytest.raises(DataError, match=r"no complete split 'test' .*`asl pull`"):
        read_split(written, "test")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no data set in"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("{}", "is damaged"),
        (json.dumps({"schema_version": 99}), f"has schema version 99, expected {contract.DATASET_SCHEMA}"),
        (json.dumps({"schema_version": contract.DATASET_SCHEMA}), "is damaged"),
    ],
    ids=["no file", "no JSON", "a list", "empty", "another version", "fields missing"],
)
def test_a_folder_without_a_valid_data_set_is_one_line_that_names_the_command(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / contract.DATASET_FILE).write_text(content)
    with pytest.raises(DataError, match=f"{reason}.*`asl pull`"):
        read_info(tmp_path)
