"""Unforeseen errors: one line that says what failed, where, and how to fix it."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from asl_pkg.commands.failures import REMEDIES, explain_error
from asl_pkg.errors import DataError
from tests.commands.test_faults import asl as in_this_process
from tests.conftest import PROJECT, Asl


@pytest.mark.parametrize("code", REMEDIES, ids=lambda code: errno.errorcode[code])
def test_an_error_of_the_system_names_file_reason_and_remedy(code: int) -> None:
    line = explain_error(OSError(code, os.strerror(code), "data/set"))
    assert line == f"data/set: {os.strerror(code)}: {REMEDIES[code]}"


def test_both_names_of_a_rename_are_said() -> None:
    assert "old -> new" in explain_error(OSError(errno.EXDEV, "", "old", None, "new"))


def test_the_systems_error_behind_anothers_is_what_is_said() -> None:
    error = RuntimeError("the writer failed")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device", "best.ckpt")
    assert "free space" in explain_error(error)


def test_a_foreseen_error_is_said_as_it_is() -> None:
    error = DataError("no data set")
    error.__cause__ = OSError(errno.ENOENT, "", "x")
    assert explain_error(error) == "no data set"


def test_line_breaks_and_control_characters_do_not_reach_the_terminal() -> None:
    assert explain_error(OSError(errno.ENOENT, "", "a\nb\x1b[2J")).isprintable()


def test_a_fault_of_this_program_is_called_one() -> None:
    assert explain_error(AssertionError()).startswith("internal error, please report it: AssertionError")


def test_a_fault_of_a_package_has_its_name() -> None:
    with pytest.raises(pa.ArrowInvalid) as caught:
        pa.parquet.read_table(pa.BufferReader(b"no Parquet"))
    assert explain_error(caught.value).startswith("pyarrow failed with ArrowInvalid")


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep"), UnicodeDecodeError("utf-8", b"", 0, 1, "x")])
def test_other_errors_with_a_known_cause_are_no_internal_errors(error: Exception) -> None:
    assert "internal" not in explain_error(error)


@pytest.mark.parametrize(
    "arguments",
    [
        ["pull", "dataset_dir=file/set"],
        ["pull", f"dataset_dir={'n' * 300}"],
        ["pull", "data=folder", "data.path=loop/x"],
        ["pull", "data=folder", f"data.path={'n' * 300}"],
        ["pull", "data=archive", "data.path=."],
        ["pull", "seed=99999999999999999999"],
        ["verify", "loop"],
        ["verify", "n" * 300],
        ["export", "checkpoint_path=."],
        ["export", "bundle_dir=."],
        ["export", "bundle_dir="],
        ["validate", "report_dir=file"],
        ["train", "training_dir=file"],
        ["train", "training_dir=loop"],
        ["monitor", "nothing.jsonl", "monitor_dir=file/deep"],
        ["key", "file"],
        ["key", "file/deep"],
        ["deploy", "store=file"],
        ["data", "track", "n" * 300],
        ["pipeline", "compile", "file/asl.yaml"],
    ],
    ids=" ".join,
)
def test_impossible_places_get_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    assert in_this_process(*arguments) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert said.startswith("asl: ")
    assert "internal" not in said
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["bundle.json", "report.json"])
def test_json_that_is_nested_without_end_gets_one_line(asl: Asl, tmp_path: Path, name: str) -> None:
    for folder in ("models/bundle", "report"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / name).write_text("[" * 100_000)
    answer = asl("verify" if name == "bundle.json" else "deploy")
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1


def test_a_full_standard_output_gets_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "asl_pkg.commands", "--help"]
        answer = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True)
    assert answer.returncode == 1
    assert answer.stderr == f"asl: {os.strerror(errno.ENOSPC)}: {REMEDIES[errno.ENOSPC]}\n"


def test_a_reader_that_has_read_enough_hears_no_complaint(tmp_path: Path) -> None:
    command = f"{sys.executable} -m asl_pkg.commands --help | true"
    answer = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert answer.stderr == ""


def test_a_terminal_without_unicode_is_no_reason_to_fail(asl: Asl, tmp_path: Path) -> None:
    answer = asl("verify", "Bündel ✋", env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(PROJECT)})
    assert answer.returncode == 1
    assert "no bundle in" in answer.stderr


def test_numbers_beyond_64_bits_in_the_facts_are_no_traceback(asl: Asl, tmp_path: Path) -> None:
    (tmp_path / "data/dataset").mkdir(parents=True)
    (tmp_path / "data/dataset/dataset.json").write_text(json.dumps({"schema_version": 10**400}))
    answer = asl("validate")
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
