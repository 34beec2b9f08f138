"""Atomic writes."""

from pathlib import Path

import pytest

from asl_pkg.storage import atomic


def test_a_folder_appears_complete_and_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "made"
    for text in ("old", "new"):
        with atomic.atomic_directory(target, lambda: None) as beside:
            (beside / "file").write_text(text)
    assert (target / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt], ids=["an error", "Ctrl-C"])
def test_what_existed_stays_when_writing_stops_midway(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "made"
    with atomic.atomic_directory(target) as beside:
        (beside / "file").write_text("old")

    def stop_midway() -> None:
        with atomic.atomic_directory(target) as beside:
            (beside / "file").write_text("half")
            raise error

    with pytest.raises(error):
        stop_midway()
    assert (target / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_folder_with_something_in_it_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made/keep.txt").write_text("keep")
    with pytest.raises(OSError, match="not empty"), atomic.atomic_directory(tmp_path / "made"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["made", "keep.txt"]


def test_what_a_killed_process_moved_aside_comes_back(tmp_path: Path) -> None:
    aside = tmp_path / ".made-old-abcd1234"
    (aside / "made").mkdir(parents=True)
    (aside / "made/file").write_text("old")
    atomic.put_back(tmp_path / "made")
    assert (tmp_path / "made/file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_what_was_replaced_comes_back_if_a_later_step_fails(tmp_path: Path) -> None:
    (tmp_path / "made").write_text("old")
    (tmp_path / "new").write_text("new")

    def replace_and_fail() -> None:
        with atomic.in_place_of(tmp_path / "made", tmp_path / "new"):
            assert (tmp_path / "made").read_text() == "new"
            raise ValueError("later")

    with pytest.raises(ValueError, match="later"):
        replace_and_fail()
    assert (tmp_path / "made").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "new"]


def test_a_json_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    atomic.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        atomic.write_json(path, {"a": object()})
    assert path.read_text() == '{\n  "a": 1\n}\n'
