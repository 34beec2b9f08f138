"""No dependency phones home."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

OFF = ("ORT_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "DVC_NO_ANALYTICS")
HANDS = ["data.train_signers=2", "data.validation_signers=1", "data.test_signers=2", "trainer.max_epochs=1"]
LENIENT = [f"validate.{name}_min=0" for name in ("accuracy", "macro_f1", "recall")]
ELSEWHERE = re.compile(r"connect\(.*sa_family=AF_INET6?,(?!.*(?:127\.0\.0\.1|::1)).*")


@pytest.mark.parametrize("module", ["inference.onnx_session", "lineage.tracking", "data.sources.dvc_repository"])
def test_telemetry_is_off_before_the_library_is_imported(module: str) -> None:
    code = f"import os, asl_pkg.{module}; print(*(os.environ.get(name) for name in {OFF}))"
    environment = {name: value for name, value in os.environ.items() if name not in OFF}
    answer = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert len(answer.stdout.split()) == len(OFF), answer.stderr
    assert "None" not in answer.stdout


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="strace sees what native threads do: apt install strace")
def test_the_demo_asks_for_no_connection_but_to_itself(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-qq", "-e", "trace=connect", "-e", "signal=none", "-o", str(trace)]
    command += [sys.executable, "-m", "asl_pkg.commands", "demo", *HANDS, *LENIENT]
    command += ["validate.calibration_error_max=1", "model=baseline", "model.width=4"]
    environment = {name: value for name, value in os.environ.items() if name not in OFF} | {"PYTHONPATH": str(PROJECT)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    lines = trace.read_text().splitlines()
    assert any("127.0.0.1" in line for line in lines)  # it does see connections: those to Triton
    assert not [line for line in lines if ELSEWHERE.search(line)]
