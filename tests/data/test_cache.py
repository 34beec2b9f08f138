import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_pkg.config.schema import FolderData, Settings
from asl_pkg.data.cache import decoded
from asl_pkg.data.dataset import read_info, read_split, write_info
from asl_pkg.data.decoding import DecodedOnAccess
from asl_pkg.data.preparation import prepare
from asl_pkg.errors import DataError
from asl_pkg.pull import pull
from tests.support.making import public_folder


@pytest.fixture(scope="module")
def dataset_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cache")
    data = FolderData(path=str(public_folder(root / "photographs", 6)), block_frames=1, guard_frames=0)
    pull(Settings(data=data), root / "dataset")
    return root / "dataset"


@pytest.mark.parametrize("cached", [True, False], ids=["on disk", "in memory"])
def test_pixels_are_the_prepared_images_in_the_order_of_the_rows(
    dataset_dir: Path, tmp_path: Path, cached: bool
) -> None:
    pixels, labels = decoded(dataset_dir, "train", str(tmp_path / "cache") if cached else "")
    rows = read_split(dataset_dir, "train", ["image", "label"]).to_pylist()
    assert (pixels.dtype, labels.dtype) == (np.uint8, np.int64)
    assert labels.tolist() == [row["label"] for row in rows]
    assert np.array_equal(pixels, np.stack([prepare(row["image"]["bytes"]) for row in rows]))
    assert isinstance(pixels, np.memmap) == cached


def test_images_are_decoded_once(dataset_dir: Path, tmp_path: Path) -> None:
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
    write_info(other, read_info(other).model_copy(update={"digest": "f" * 64}))
    decoded(other, "test", str(tmp_path / "cache"))
    decoded(other, "train", str(tmp_path / "cache"))
    assert len(list((tmp_path / "cache").glob("*-test-*"))) == 2
    assert len(list((tmp_path / "cache").glob("*-train-*"))) == 1


def test_two_makers_at_once_give_one_whole_cache(dataset_dir: Path, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(2) as pool:
        arguments = (dataset_dir, "train", str(tmp_path / "cache"))
        (first, _), (two, _) = pool.starmap(decoded, [arguments, arguments])
    assert np.array_equal(first, two)
    assert np.array_equal(first, decoded(dataset_dir, "train", "")[0])
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1


def test_a_cache_that_could_not_be_finished_leaves_nothing(dataset_dir: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(dataset_dir, tmp_path / "dataset")
    for shard in broken.glob("train-*.parquet"):
        content = bytearray(shard.read_bytes())
        content[4:400] = bytes(396)
        shard.write_bytes(content)
    with pytest.raises(DataError, match="are damaged.*`asl pull`"):
        decoded(broken, "train", str(tmp_path / "cache"))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_without_a_data_set_the_error_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set in .*`asl pull`"):
        decoded(tmp_path, "train", "")


def another(dataset_dir: Path, folder: Path, digest: str) -> Path:
    """The same images under another digest."""
    shutil.copytree(dataset_dir, folder)
    write_info(folder, read_info(folder).model_copy(update={"digest": digest * 64}))
    return folder


def size_gb(dataset_dir: Path, split: str) -> float:
    return len(read_split(dataset_dir, split, ["label"])) * 200 * 200 * 3 / 1e9


def caches(folder: Path) -> set[str]:
    return {path.name.partition("-v")[0] for path in folder.glob("[!.]*")}


@pytest.mark.parametrize("cached", [True, False], ids=["on disk", "in memory"])
def test_what_does_not_fit_is_decoded_anew_and_said_in_a_line(
    dataset_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], cached: bool
) -> None:
    room = 0.9 * size_gb(dataset_dir, "train")
    pixels, labels = decoded(dataset_dir, "train", str(tmp_path / "cache") if cached else "", room)
    assert isinstance(pixels, DecodedOnAccess)
    (line,) = capsys.readouterr().err.splitlines()
    assert "data.cache_gb" in line
    assert not (tmp_path / "cache").exists() or not caches(tmp_path / "cache")
    whole, known = decoded(dataset_dir, "train", "")
    assert np.array_equal(np.stack(list(pixels)), whole)
    assert labels.tolist() == known.tolist()


@pytest.fixture(scope="module")
def anew(dataset_dir: Path) -> tuple[DecodedOnAccess, np.ndarray]:
    return DecodedOnAccess(dataset_dir, "test"), np.asarray(decoded(dataset_dir, "test", "")[0])


@given(data=st.data())
def test_images_decoded_anew_are_indexed_as_an_array_is(
    anew: tuple[DecodedOnAccess, np.ndarray], data: st.DataObject
) -> None:
    pixels, array = anew
    places = st.integers(-len(array), len(array) - 1)
    rows = data.draw(
        places | st.slices(len(array)) | st.lists(places, max_size=8).map(lambda chosen: np.array(chosen, np.int64))
    )
    assert np.array_equal(pixels[rows], array[rows])


def test_a_row_that_is_not_there_is_an_error(anew: tuple[DecodedOnAccess, np.ndarray]) -> None:
    pixels, array = anew
    assert len(pixels) == len(array)
    with pytest.raises(IndexError):
        pixels[len(array)]


def test_a_full_disk_is_not_filled_further(dataset_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**9 + 1000))
    assert isinstance(decoded(dataset_dir, "test", str(tmp_path / "cache"))[0], DecodedOnAccess)
    assert not caches(tmp_path / "cache")


def test_the_least_recently_used_cache_of_another_data_set_makes_way(dataset_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    first, two, three = (another(dataset_dir, tmp_path / name, name) for name in "abc")
    room = 2.5 * size_gb(dataset_dir, "test")
    mapped = {used: decoded(used, "test", str(folder), room)[0] for used in (first, two)}
    for path in folder.glob("[!.]*"):
        os.utime(path, (0, 0) if path.name.startswith("a") else (1, 1))
    decoded(first, "test", str(folder), room)  # the older one, used again
    decoded(three, "test", str(folder), room)
    assert caches(folder) == {f"{'a' * 16}-test", f"{'c' * 16}-test"}
    assert np.array_equal(mapped[two], decoded(two, "test", "")[0])  # who had mapped it goes on reading


def test_using_a_cache_makes_it_young(dataset_dir: Path, tmp_path: Path) -> None:
    decoded(dataset_dir, "test", str(tmp_path))
    (cache,) = tmp_path.glob("[!.]*")
    os.utime(cache, (0, 0))
    decoded(dataset_dir, "test", str(tmp_path))
    assert cache.stat().st_mtime > 0


def test_splits_of_one_data_set_do_not_push_each_other_out(dataset_dir: Path, tmp_path: Path) -> None:
    room = size_gb(dataset_dir, "train") + 0.5 * size_gb(dataset_dir, "test")
    decoded(dataset_dir, "train", str(tmp_path), room)
    assert isinstance(decoded(dataset_dir, "test", str(tmp_path), room)[0], DecodedOnAccess)
    assert isinstance(decoded(dataset_dir, "train", str(tmp_path), room)[0], np.memmap)


def test_what_is_no_cache_stays(dataset_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "a.jpg").write_bytes(bytes(10**6))
    decoded(another(dataset_dir, tmp_path / "other", "a"), "test", str(tmp_path))
    decoded(dataset_dir, "test", str(tmp_path), 1.2 * size_gb(dataset_dir, "test"))
    assert (tmp_path / "photographs" / "a.jpg").stat().st_size == 10**6
    assert (tmp_path / "other").is_dir()
    assert not list(tmp_path.glob("a*"))


def test_what_a_killed_maker_left_goes(dataset_dir: Path, tmp_path: Path) -> None:
    leftover = tmp_path / f".{'0' * 16}-train-v1-200px-abc"
    leftover.mkdir()
    decoded(dataset_dir, "test", str(tmp_path))
    assert not leftover.exists()
