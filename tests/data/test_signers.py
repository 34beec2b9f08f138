from pathlib import Path

import pytest

from asl_pkg.data.signers import Known, read_table, signers_of_folders
from asl_pkg.errors import DataError


def test_folders_above_the_classes_are_signers() -> None:
    assert signers_of_folders(["set/ann/A/1.jpg", "set/bob/A/1.jpg"]) == ["set/ann", "set/bob"]
    assert signers_of_folders(["A/A/1.jpg", "B/A/1.jpg"]) == ["A", "B"]


@pytest.mark.parametrize(
    "paths",
    [
        ["A/1.jpg", "B/1.jpg"],
        ["asl/A/1.jpg", "asl/B/1.jpg"],
        ["asl_alphabet_train/A/1.jpg", "asl_alphabet_test/A/1.jpg"],
        ["Train/A/1.jpg", "Validation/A/1.jpg"],
    ],
)
def test_one_folder_or_halves_of_one_set_are_none(paths: list[str]) -> None:
    assert signers_of_folders(paths) is None


def test_a_table_names_signers_and_recordings(tmp_path: Path) -> None:
    table = tmp_path / "signers.csv"
    table.write_text("\ufeffpath,signer,recording\nA/1.jpg,ann,morning\nA/2.jpg,,\n", encoding="utf-8")
    assert read_table(table) == {"A/1.jpg": Known("ann", "morning"), "A/2.jpg": Known("unknown", None)}
    table.write_text("path,signer\nA/1.jpg,ann\n")
    assert read_table(table) == {"A/1.jpg": Known("ann", None)}


@pytest.mark.parametrize("text", ["", "file,person\na,b\n"])
def test_another_table_is_refused_with_what_was_expected(text: str, tmp_path: Path) -> None:
    table = tmp_path / "signers.csv"
    table.write_text(text)
    with pytest.raises(DataError, match="expected path,signer"):
        read_table(table)


def test_a_table_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "signers.csv")
