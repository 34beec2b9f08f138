"""The part of kfp's output that a run shows."""

import sys
from pathlib import Path

import pytest

from asl_pkg.orchestration.local_log import run_log

KFP = """\
15:08:45.195 - INFO - Executing task \x1b[96m'pull'\x1b[0m
    [KFP Executor 2026-11-22 15:08:45,254 INFO]: Got executor_input:
    {
        "inputs": {
        }
    }
    100 images
    asl_pkg.errors.DataError: no such file

15:08:45.264 - INFO - Task \x1b[96m'pull'\x1b[0m finished with status \x1b[92mSUCCESS\x1b[0m
15:08:45.264 - INFO - Task \x1b[96m'pull'\x1b[0m outputs:
    dataset: Dataset( name='dataset',
                      metadata={} )
--------------------------------------------------------------------------------
    Another line
15:08:45.270 - INFO - Task train cache hit (key=0123456789ab); skipping execution.
"""


def test_a_run_shows_steps_and_their_own_lines_and_keeps_the_rest_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_log(tmp_path / "log.txt") as log:
        for start in range(0, len(KFP), 7):
            sys.stdout.write(KFP[start : start + 7])
    assert (
        capsys.readouterr().out
        == "── pull\n    100 images\n    asl_pkg.errors.DataError: no such file\n    Another line\n"
        "── train (taken from the cache)\n"
    )
    assert log.error == "no such file"
    assert log.done == {"pull": "", "train": "0123456789ab"}
    assert (tmp_path / "log.txt").read_text() == KFP
