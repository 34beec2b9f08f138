"""Parquet files of other programs, and ours opened by other programs."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pyarrow as pa
import pyarrow.parquet
import pytest

from asl_pkg import contract
from asl_pkg.config.schema import FolderData, ParquetData, Settings
from asl_pkg.data.dataset import read_split, shards
from asl_pkg.data.sample import RejectedFile, Sample
from asl_pkg.data.sources import open_source
from asl_pkg.errors import DataError
from asl_pkg.pull import pull
from tests.support.making import encoded, noise, public_folder

IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
HUGGING_FACE = {"label": {"names": ["b", "delete", "5", "A"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}


def read(path: Path, start: int = 0) -> list[Sample | RejectedFile]:
    return list(open_source(ParquetData(path=str(path)), 7, path).read(start))


def write(
    path: Path, rows: Sequence[dict[str, Any]], label: pa.DataType, features: dict[str, Any] | None = None
) -> Path:
    columns = {"image": IMAGE, "label": label, "signer": pa.string()}
    schema = pa.schema({name: columns[name] for name in rows[0]})
    if features:
        schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(pa.Table.from_pylist(list(rows), schema), path, row_group_size=3)
    return path


def row(label: int | str | None, path: str | None = "x1.jpg", data: bytes | None = b"data") -> dict[str, Any]:
    return {"image": {"bytes": data, "path": path}, "label": label}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return public_folder(tmp_path_factory.mktemp("pictures"), 20)


@pytest.fixture(scope="module")
def ours(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset_dir = tmp_path_factory.mktemp("data") / "dataset"
    pull(Settings(data=FolderData(path=str(folder), block_frames=4, guard_frames=0)), dataset_dir)
    return dataset_dir


def rows_of(dataset_dir: Path) -> Iterator[dict[str, Any]]:
    for split in contract.SPLITS:
        yield from read_split(dataset_dir, split).to_pylist()


def test_our_data_set_comes_back_image_by_image(ours: Path) -> None:
    found = {item.path: (item.data, item.label, item.signer, item.split) for item in read(ours)}
    assert found == {
        row["image"]["path"]: (row["image"]["bytes"], row["label"], row["signer"], None) for row in rows_of(ours)
    }


def test_a_data_set_of_our_data_set_has_the_same_images(ours: Path, tmp_path: Path) -> None:
    pull(Settings(data=ParquetData(path=str(ours), block_frames=4, guard_frames=0)), tmp_path / "again")
    first, again = ({(row["sha256"], row["label"]) for row in rows_of(where)} for where in (ours, tmp_path / "again"))
    assert again <= first
    assert len(again) > 0.8 * len(first)  # a guard gap may take some


def test_signer_recording_and_landmarks_come_back(tmp_path: Path) -> None:
    points = pa.list_(pa.list_(pa.float32()))
    own = row("A", "A/ann_recording00_3.jpg") | {"signer": "ann", "group": "ann/A/recording00"}
    rows = [own | {"landmarks_2d": [[0.5, 1.5]] * 21}, own | {"landmarks_2d": None}]
    schema = {"image": IMAGE, "label": pa.string(), "signer": pa.string(), "group": pa.string(), "landmarks_2d": points}
    pa.parquet.write_table(pa.Table.from_pylist(rows, pa.schema(schema)), tmp_path / "a.parquet")
    first, second = read(tmp_path)
    assert (first.signer, first.sequence, first.frame) == ("ann", "A/recording00", 3)
    assert first.landmarks_2d.tolist() == [[0.5, 1.5]] * 21
    assert second.landmarks_2d is None
    assert second.landmarks_3d is None


def test_numbers_mean_what_the_names_of_hugging_face_say(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", [row(3, "x7.jpg"), row(0, None), row(1), row(2)], pa.int64(), HUGGING_FACE)
    found = read(tmp_path)
    assert [contract.CLASSES[item.label] for item in found[:3]] == ["A", "B", "del"]
    assert [item.frame for item in found[:2]] == [7, 1]
    assert isinstance(found[3], RejectedFile)
    assert found[3].quarantined


def test_labels_may_be_text(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", [row("q") | {"signer": "ann"}, row("blank") | {"signer": None}], pa.string())
    assert [(contract.CLASSES[item.label], item.signer) for item in read(tmp_path)] == [
        ("Q", "ann"),
        ("nothing", "unknown"),
    ]


def test_a_signer_may_be_a_number_and_that_may_be_zero(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([{"image": {"bytes": encoded(noise(1)), "path": "1.jpg"}, "label": "A", "signer": 0}])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert [item.signer for item in read(tmp_path)] == ["0"]


def test_numbers_without_names_are_taken_only_where_they_are_just_ours(tmp_path: Path) -> None:
    count = len(contract.CLASSES)
    write(tmp_path / "all.parquet", [row(label) for label in range(count)], pa.int32())
    assert [item.label for item in read(tmp_path / "all.parquet")] == list(range(count))
    write(tmp_path / "some.parquet", [row(label) for label in range(24)], pa.int32())
    with pytest.raises(DataError, match="numbers without names"):
        read(tmp_path / "some.parquet")


def test_rows_that_are_no_image_are_rejected_and_the_others_stay(tmp_path: Path) -> None:
    bad = [row("A", data=None), row("A", data=b""), row(None), row("Å"), {"image": None, "label": "A"}]
    found = read(write(tmp_path / "a.parquet", [row("A"), *bad, row("B")], pa.string()))
    assert [isinstance(item, RejectedFile) for item in found] == [False, *[True] * len(bad), False]


def test_names_that_differ_only_in_their_split_stay_apart(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / f"data/{split}-00000-of-00001.parquet", [row("A"), row("B")], pa.string())
    assert len({item.path for item in read(tmp_path)}) == len({item.sequence for item in read(tmp_path)}) == 4


@pytest.mark.parametrize("start", [0, 1, 3, 5, 8, 11, 12, 13])
def test_reading_starts_anywhere(tmp_path: Path, start: int) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.parquet", [row("A", f"{name}{n}.jpg") for n in range(6)], pa.string())
    assert read(tmp_path, start) == read(tmp_path)[start:]
    assert open_source(ParquetData(path=str(tmp_path)), 7, tmp_path).total == 12


def test_what_was_read_before_is_not_even_looked_at(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", [row("A", f"{n}.jpg", bytes([n]) * 5000) for n in range(6)], pa.string())
    content = file.read_bytes()
    file.write_bytes(content[:4] + b"\xff" * 100 + content[104:])
    assert len(read(file, 3)) == 3
    with pytest.raises(DataError, match="damaged"):
        read(file)


def test_the_state_changes_with_the_contents(tmp_path: Path) -> None:
    def state() -> str:
        return open_source(ParquetData(path=str(tmp_path)), 7, tmp_path).state

    write(tmp_path / "a.parquet", [row("A")], pa.string())
    before = state()
    assert state() == before
    write(tmp_path / "a.parquet", [row("B")], pa.string())
    assert state() != before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.parquet", b"PAR1 not really PAR1", "damaged"),
        ("train-00000-of-00002.parquet", b"", "1 of 2 shards"),
        ("a.txt", b"", "no Parquet"),
    ],
)
def test_what_is_no_parquet_is_refused_by_name(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        read(tmp_path)


def test_other_columns_are_refused_by_name(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"picture": [b"x"], "label": ["A"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"picture, label.*expected"):
        read(tmp_path)


def test_duckdb_and_pandas_open_our_shards(ours: Path) -> None:
    counted = duckdb.sql(
        f"SELECT label, count(*), min(octet_length(image.bytes)) FROM '{ours}/*.parquet' GROUP BY label"
    )
    assert {label for label, count, least in counted.fetchall() if count and least} == set(range(len(contract.CLASSES)))
    frame = pandas.concat(pandas.read_parquet(path) for path in shards(ours, "test"))
    assert set(frame["split"]) == {"test"}
    assert frame["image"].iloc[0]["bytes"][:2] == b"\xff\xd8"


def test_hugging_face_datasets_opens_our_data_set(ours: Path, tmp_path: Path) -> None:
    code = (
        "import sys, datasets\n"
        "files = {split: f'{sys.argv[1]}/{split}-*.parquet' for split in ('train', 'validation', 'test')}\n"
        "found = datasets.load_dataset('parquet', data_files=files)\n"
        "one = found['test'][0]\n"
        "print(found['train'].num_rows, one['image'].size, found['test'].features['label'].int2str(one['label']))"
    )
    offline = {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PATH": "/usr/bin:/bin",
    }
    answer = subprocess.run(
        [sys.executable, "-c", code, str(ours)], env=offline, capture_output=True, text=True, check=True
    )
    first = read_split(ours, "test").slice(0, 1).to_pylist()[0]
    rows = len(read_split(ours, "train", ["label"]))
    assert answer.stdout.split("\n")[-2] == f"{rows} (32, 32) {contract.CLASSES[first['label']]}"


def test_a_link_to_nothing_is_refused_and_one_to_a_file_read(tmp_path: Path) -> None:
    write(tmp_path / "store/blob", [row("A")], pa.string())
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.parquet").symlink_to("../store/blob")  # as Hugging Face's cache has it
    assert len(read(tmp_path / "set")) == 1
    (tmp_path / "set/b.parquet").symlink_to("none")
    with pytest.raises(DataError, match=r"b\.parquet' cannot be read"):
        read(tmp_path / "set")
