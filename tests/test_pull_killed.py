"""A pull that is killed at any moment is resumed by the next one and ends with the same data set."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from asl_pkg.data.dataset import read_info
from tests.support.making import public_folder

KILLS = 50
FRAMES = 40
SETTINGS = ["data=folder", "data.block_frames=4", "data.guard_frames=1"]
PATIENCE_S = 60


def start(cwd: Path, *settings: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "asl_pkg.commands", "pull", *settings]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(command, cwd=cwd, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_fifty_kills_at_random_moments_never_change_the_digest(tmp_path: Path) -> None:
    settings = [*SETTINGS, f"data.path={public_folder(tmp_path / 'photographs', FRAMES)}"]
    (tmp_path / "whole").mkdir()
    began = time.monotonic()
    assert start(tmp_path / "whole", *settings).wait() == 0
    whole_s = time.monotonic() - began
    expected = read_info(tmp_path / "whole/data/dataset")
    rng = np.random.default_rng(7)
    interrupted = 0
    cwd = tmp_path / "killed"
    cwd.mkdir()
    for _ in range(KILLS):
        process = start(cwd, *settings)
        try:
            process.wait(rng.uniform(0, 1.1 * whole_s))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            interrupted += 1
        if (cwd / "data/dataset").exists():  # whatever is there is whole
            assert read_info(cwd / "data/dataset") == expected
    assert interrupted >= KILLS // 2
    last = start(cwd, *settings)
    assert last.wait() == 0, last.stderr.read() if last.stderr else ""
    assert read_info(cwd / "data/dataset") == expected
    assert sorted(path.name for path in (cwd / "data").iterdir()) == ["dataset"]


def test_workers_that_draw_hands_end_with_a_pull_that_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path)
    deadline = time.monotonic() + PATIENCE_S
    workers: list[psutil.Process] = []
    while not any(worker.cpu_times().user > 1 for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
        workers = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    assert workers
    assert not psutil.wait_procs(workers, timeout=PATIENCE_S)[1]
