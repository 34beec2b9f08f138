"""doctor says what is missing and how to fix it."""

import socket
from pathlib import Path

import pytest

from asl_pkg import contract, doctor
from tests.conftest import Asl


def test_what_is_installed_is_found_fine(asl: Asl) -> None:
    lines = asl("doctor").stdout.splitlines()
    fine = {line.split()[1] for line in lines if line.startswith("ok ")}
    assert {"Python", "packages", "Triton", "weights", "MLflow"} <= fine
    assert any("memory" in line for line in lines)
    assert any("disk" in line for line in lines)


@pytest.mark.parametrize(("variable", "name"), [("ASL_TRITON_ENV", "Triton"), ("ASL_WEIGHTS", "weights")])
def test_a_missing_part_is_said_with_the_command_that_mends_it(
    variable: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    finding = next(check for check in doctor.check_machine() if check.name == name)
    assert not finding.fine
    assert "make install" in str(finding)


def test_an_mlflow_server_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{held.getsockname()[1]}")
        finding = next(check for check in doctor.check_machine() if check.name == "MLflow")
    assert not finding.fine


def test_a_taken_port_is_no_error() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", contract.METRICS_PORT))
        except OSError:
            pass  # somebody else has it: just as good
        else:
            listener.listen()
        finding = next(check for check in doctor.check_machine() if check.name == f"port {contract.METRICS_PORT}")
    assert not finding.fine
    assert not finding.needed
