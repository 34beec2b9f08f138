"""The images that training read, compared with the test split."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from asl_pkg import contract
from asl_pkg.errors import BundleError
from asl_pkg.train import SEEN_COLUMNS
from asl_pkg.validation.leak import Leak, find_leak
from tests.support.exported import CLASSES, SIGNERS, Exported, rows


def seen(folder: Path, *tables: pa.Table) -> Path:
    path = folder / contract.SEEN_FILE
    pa.parquet.write_table(pa.concat_tables([table.select(SEEN_COLUMNS) for table in tables]), path)
    return path


def test_an_honest_training_leaks_nothing(exported: Exported) -> None:
    found = find_leak(exported.dataset, exported.checkpoint.parent.parent / contract.SEEN_FILE)
    assert found == Leak(same=0, near=0, unknown=0)


def test_a_training_on_the_test_split_is_caught(exported: Exported, tmp_path: Path) -> None:
    found = find_leak(exported.dataset, seen(tmp_path, rows("train", 1), rows("test", SIGNERS)))
    assert found == Leak(same=SIGNERS * CLASSES, near=0, unknown=SIGNERS * CLASSES)


def test_a_training_on_images_from_elsewhere_is_caught(exported: Exported, tmp_path: Path) -> None:
    elsewhere = rows("test", SIGNERS + 1).slice(SIGNERS * CLASSES)
    assert find_leak(exported.dataset, seen(tmp_path, elsewhere)) == Leak(same=0, near=0, unknown=CLASSES)


def test_a_near_duplicate_in_training_is_caught(tmp_path: Path) -> None:
    """The test images of one class by several signers differ in the colour of the wall alone."""
    for split, table in {"train": rows("test", 2).slice(CLASSES, 3), "test": rows("test", 1)}.items():
        pa.parquet.write_table(table, tmp_path / f"{split}-00000-of-00001.parquet")
    found = find_leak(tmp_path, seen(tmp_path, rows("test", 2).slice(CLASSES, 3)))
    assert (found.same, found.unknown) == (0, 0)
    assert found.near >= 3
    assert f"near-duplicates of {found.near} more" in found.detail


def test_images_that_reached_no_batch_are_no_leak(tmp_path: Path) -> None:
    for split, table in {"train": rows("test", 2).slice(CLASSES, 3), "test": rows("test", 1)}.items():
        pa.parquet.write_table(table, tmp_path / f"{split}-00000-of-00001.parquet")
    assert find_leak(tmp_path, seen(tmp_path, rows("test", 1).slice(0, 0))).images == 0


@pytest.mark.parametrize("content", [None, b"no table"], ids=["missing", "damaged"])
def test_without_an_account_nothing_is_known(exported: Exported, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / contract.SEEN_FILE
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BundleError, match="missing or damaged: `asl train`"):
        find_leak(exported.dataset, path)
