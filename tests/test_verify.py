"""verify names everything that changed since export."""

import shutil
from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.errors import BundleError
from asl_pkg.verify import verify
from tests.support.exported import Exported


@pytest.fixture
def bundle(exported: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported.bundle, tmp_path / "bundle"))


def test_a_sound_bundle_is_verified(bundle: Path) -> None:
    assert len(verify(bundle).release) == contract.RELEASE_DIGITS


def test_extra_missing_and_changed_files_are_all_named_in_one_line(bundle: Path) -> None:
    (bundle / "extras" / "more.txt").write_text("more")
    (bundle / contract.LABELS_FILE).unlink()
    with (bundle / contract.MODEL_FILE).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BundleError) as caught:
        verify(bundle)
    message = str(caught.value)
    assert "\n" not in message
    for fault in (f"extra extras/more.txt, missing {contract.LABELS_FILE}", f"changed {contract.MODEL_FILE}"):
        assert fault in message


def test_a_link_is_no_file_of_a_bundle(bundle: Path) -> None:
    labels = bundle / contract.LABELS_FILE
    labels.rename(bundle.parent / "elsewhere.txt")
    labels.symlink_to(bundle.parent / "elsewhere.txt")
    with pytest.raises(BundleError, match="plain files only"):
        verify(bundle)


def test_a_missing_bundle_is_named_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle in .*`asl export`"):
        verify(tmp_path)
