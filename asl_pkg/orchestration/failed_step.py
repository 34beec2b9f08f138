"""The step that made a run on Kubeflow Pipelines fail, and a summary of how a run ended."""

import re
from dataclasses import dataclass, field
from typing import Any

from asl_pkg.errors import ServingError
from asl_pkg.k8s.client import Cluster, own_namespace
from asl_pkg.k8s.pending_pods import step_of
from asl_pkg.network import runs_in_pod

RUN_LABEL = "pipeline/runid"
LOG_LINES = 20
CONTAINER = "main"  # Argo's name of the container that a step runs in
# Lines of kfp's launcher and of Argo, which come after the step's own.
NOT_OURS = re.compile(r"[IWEF]\d{4} \d|time=\S+ level=|Error: exit status")
LAST = "finish"  # the step that tells of the others


@dataclass(frozen=True)
class FailedStep:
    """A step that failed.

    Args:
        step: Name of the step, such as `train`.
        exit_code: Exit code of its process; None if it never ran.
        reason: Kubernetes' reason, such as OOMKilled or ImagePullBackOff; empty if it gives none.
        log: Last lines of its log.
    """

    step: str
    exit_code: int | None
    reason: str
    log: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The failure in one line."""
        how = "did not start" if self.exit_code is None else f"ended with exit code {self.exit_code}"
        return f"step {self.step} {how}{f' ({self.reason})' * bool(self.reason)}"


def find_failed_step(cluster: Cluster, run_id: str) -> FailedStep | None:
    """Find the step that made a run fail.

    Args:
        cluster: Cluster of its pods.
        run_id: The run.

    Returns:
        The first step whose last attempt failed or never started; None if no pod of such a step is left.

    Raises:
        ServingError: The pods cannot be read.
    """
    pods = sorted(cluster.pods({RUN_LABEL: run_id}), key=lambda pod: pod.metadata.creation_timestamp)
    last_attempts = {step_of(pod): pod for pod in pods}
    for step, pod in last_attempts.items():
        if step not in ("", LAST) and pod.status.phase in ("Failed", "Pending"):
            return _describe(cluster, step, pod)
    return None


def describe_ending(state: str, message: str, run_id: str) -> str:
    """Describe how a run ended, from a pod of the run.

    Args:
        state: State that kfp gives its exit handler: SUCCEEDED on this machine, COMPLETE on Kubernetes, else it failed.
        message: kfp's message about the failure.
        run_id: The run.

    Returns:
        One line; if a step failed, with its exit code and last lines.
    """
    if state in ("SUCCEEDED", "COMPLETE"):
        return "pipeline run succeeded"
    said = f"the run ended {state}{': ' * bool(message)}{message}"
    if not runs_in_pod():  # on this machine the step's log stands above
        return said
    try:
        failed = find_failed_step(Cluster(own_namespace()), run_id)
    except (ServingError, OSError) as error:
        return f"{said}; the failed step is unknown: {error}"
    return "\n".join([f"{said}: {failed.summary}", *failed.log]) if failed else said


def _describe(cluster: Cluster, step: str, pod: Any) -> FailedStep:
    state = next((found.state for found in pod.status.container_statuses or [] if found.name == CONTAINER), None)
    ended = state and state.terminated
    if ended:
        log = cluster.log(pod.metadata.name, CONTAINER, previous=False).splitlines()
        own = [line for line in log if not NOT_OURS.match(line)][-LOG_LINES:]
        return FailedStep(step, ended.exit_code, "" if ended.reason == "Error" else ended.reason or "", own)
    waits = state and state.waiting
    reason = (waits and waits.message) or pod.status.message or cluster.event_of(pod.metadata.name)
    return FailedStep(step, None, reason or "")
