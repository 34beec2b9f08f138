import dataclasses
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest

from asl_pkg.config import FolderData, Settings
from asl_pkg.data.cache import decoded
from asl_pkg.data.dataset import read_info, read_split, write_info
from asl_pkg.data.preparation import prepare
from asl_pkg.errors import DataError
from asl_pkg.pull import pull
from tests.data.making import public_folder


@pytest.fixture(scope="module")
def dataset_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cache")
    data = FolderData(path=str(public_folder(root / "photographs", 6)), block_frames=1, guard_frames=0)
    pull(Settings(data=data), root / "dataset")
    return root / "dataset"


@pytest.mark.parametrize("cached", [True, False], ids=["on disk", "in memory"])
def test_pixels_are_the_prepared_pictures_in_the_order_of_the_rows(
    dataset_dir: Path, tmp_path: Path, cached: bool
) -> None:
    pixels, labels = decoded(dataset_dir, "train", str(tmp_path / "cache") if cached else "")
    rows = read_split(dataset_dir, "train", ["image", "label"]).to_pylist()
    assert (pixels.dtype, labels.dtype) == (np.uint8, np.int64)
    assert labels.tolist() == [row["label"] for row in rows]
    assert np.array_equal(pixels, np.stack([prepare(row["image"]["bytes"]) for row in rows]))
    assert isinstance(pixels, np.memmap) == cached


def test_pictures_are_decoded_once(dataset_dir: Path, tmp_path: Path) -> None:
    first, labels = decoded(dataset_dir, "test", str(tmp_path / "cache"))
    without = shutil.copytree(dataset_dir, tmp_path / "dataset")
    for row_file in without.glob("test-*.parquet"):
        row_file.write_bytes(row_file.read_bytes())  # another inode and time, the same contents
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npy")}
    second, _ = decoded(without, "test", str(tmp_path / "cache"))
    assert np.array_equal(first, second)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npy")} == made


def test_another_data_set_has_a_cache_of_its_own(dataset_dir: Path, tmp_path: Path) -> None:
    decoded(dataset_dir, "test", str(tmp_path / "cache"))
    other = shutil.copytree(dataset_dir, tmp_path / "dataset")
    write_info(other, dataclasses.replace(read_info(other), digest="f" * 64))
    decoded(other, "test", str(tmp_path / "cache"))
    decoded(other, "train", str(tmp_path / "cache"))
    assert len(list((tmp_path / "cache").glob("*-test-*"))) == 2
    assert len(list((tmp_path / "cache").glob("*-train-*"))) == 1


def test_two_makers_at_once_give_one_whole_cache(dataset_dir: Path, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(2) as pool:
        arguments = (dataset_dir, "train", str(tmp_path / "cache"))
        (one, _), (two, _) = pool.starmap(decoded, [arguments, arguments])
    assert np.array_equal(one, two)
    assert np.array_equal(one, decoded(dataset_dir, "train", "")[0])
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1


def test_a_cache_that_could_not_be_finished_leaves_nothing(dataset_dir: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(dataset_dir, tmp_path / "dataset")
    for shard in broken.glob("train-*.parquet"):
        content = bytearray(shard.read_bytes())
        content[4:400] = bytes(396)
        shard.write_bytes(content)
    with pytest.raises(DataError, match="are damaged: `asl pull`"):
        decoded(broken, "train", str(tmp_path / "cache"))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_without_a_data_set_the_error_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set in .*`asl pull`"):
        decoded(tmp_path, "train", "")
