"""The description of a failed run, from pods of a stand-in for the API server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_pkg.k8s import client
from asl_pkg.k8s.client import Cluster
from asl_pkg.orchestration import failed_step
from asl_pkg.orchestration.failed_step import describe_ending, find_failed_step
from tests.support.kfp_stand_in import RUN, StandIn, pod, stand_in_for_kfp

AFTER_IT = """E1129 15:43:10.158356      20 launcher_v2.go:449] Component failed to execute successfully: exit status 1
time=2026-11-29T15:43:10.849Z level=INFO msg="sub-process exited" argo=true error="exit status 1"
Error: exit status 1
"""
FIRST, SECOND = (f"2026-01-01T00:0{minute}:00Z" for minute in range(2))


@pytest.fixture
def kfp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with stand_in_for_kfp(tmp_path) as there:
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield there


def test_a_step_that_ended_is_named_with_its_exit_code_and_its_last_lines(kfp: StandIn) -> None:
    kfp.pods = [pod("a", "train", "Failed", FIRST, exit_code=137, reason="OOMKilled")]
    kfp.log = "".join(f"line {number}\n" for number in range(50)) + AFTER_IT
    found = find_failed_step(Cluster("kubeflow"), RUN)
    assert found is not None
    assert (found.step, found.exit_code, found.reason) == ("train", 137, "OOMKilled")
    assert found.log[-1] == "line 49"
    assert len(found.log) == failed_step.LOG_LINES


def test_the_last_attempt_counts(kfp: StandIn) -> None:
    kfp.pods = [pod("b", "pull", "Succeeded", SECOND), pod("a", "pull", "Failed", FIRST)]
    assert find_failed_step(Cluster("kubeflow"), RUN) is None


def test_a_step_whose_container_image_cannot_be_pulled_is_named_with_what_kubernetes_says(kfp: StandIn) -> None:
    kfp.pods = [pod("a", "pull", "Pending", FIRST)]
    kfp.events = [{"type": "Warning", "reason": "Failed", "message": "Failed to pull image", "metadata": {},
                   "involvedObject": {}}]  # fmt: skip
    found = find_failed_step(Cluster("kubeflow"), RUN)
    assert found is not None
    assert found.summary == "step pull did not start (Failed: Failed to pull image)"


def test_the_last_step_of_a_run_on_kubernetes_names_the_one_that_failed(
    kfp: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kfp.pods = [pod("a", "train", "Failed", FIRST, exit_code=1), pod("b", "finish", "Pending", SECOND)]
    kfp.log = "asl_pkg.errors.DataError: no such file\n"
    (tmp_path / "namespace").write_text("kubeflow")
    monkeypatch.setattr(client, "OWN_ACCOUNT", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    said = describe_ending("FAILED", "", RUN).splitlines()
    assert said == [
        "the run ended FAILED: step train ended with exit code 1",
        "asl_pkg.errors.DataError: no such file",
    ]


def test_on_this_machine_the_log_above_says_which_step_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert describe_ending("FAILED", "train failed", RUN) == "the run ended FAILED: train failed"
    assert describe_ending("COMPLETE", "", RUN) == describe_ending("SUCCEEDED", "", RUN) == "pipeline run succeeded"
