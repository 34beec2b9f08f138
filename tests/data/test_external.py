from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.data.external import read_external
from asl_pkg.errors import DataError
from tests.support.making import encoded, noise, public_folder


def test_other_peoples_images_come_with_their_classes_and_without_what_is_damaged(tmp_path: Path) -> None:
    root = public_folder(tmp_path, 1)
    (root / "asl_alphabet_train/C/C99.jpg").write_bytes(encoded(noise(1))[:700])
    thumbnails, labels, rejected, paths = read_external(str(root), 0.05)
    assert thumbnails.shape == (len(contract.CLASSES), 32, 32, 3)
    assert sorted(labels) == list(range(len(contract.CLASSES)))
    assert len(paths) == len(labels)
    assert [file.path for file in rejected] == ["asl_alphabet_train/C/C99.jpg"]


def test_more_unfit_ones_than_the_user_allows_are_refused(tmp_path: Path) -> None:
    root = public_folder(tmp_path, 1)
    (root / "asl_alphabet_train/C/C99.jpg").symlink_to("none")
    with pytest.raises(DataError, match=r"1 of 30 .*max_quarantined=0\.01.*a broken link"):
        read_external(str(root), 0.01)


def test_without_the_setting_there_are_none() -> None:
    assert read_external("", 0.05) is None


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_images_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=name):
        read_external(str(tmp_path / name), 0.05)
