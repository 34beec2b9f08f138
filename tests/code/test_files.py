"""Writing beside, then renaming."""

from pathlib import Path

import pytest

from asl_pkg import files


def test_a_folder_appears_complete_and_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "made"
    for text in ("old", "new"):
        with files.written_beside(target) as beside:
            (beside / "file").write_text(text)
    assert (target / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt], ids=["an error", "Ctrl-C"])
def test_what_existed_stays_when_writing_stops_midway(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "made"
    with files.written_beside(target) as beside:
        (beside / "file").write_text("old")

    def stop_midway() -> None:
        with files.written_beside(target) as beside:
            (beside / "file").write_text("half")
            raise error

    with pytest.raises(error):
        stop_midway()
    assert (target / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_json_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    assert path.read_text() == '{\n  "a": 1\n}\n'
