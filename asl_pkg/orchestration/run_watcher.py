"""What becomes of a run on Kubeflow Pipelines: its steps as they go on, pods that wait, and why it failed."""

import time
from datetime import datetime
from typing import TYPE_CHECKING

from asl_pkg import progress
from asl_pkg.k8s.client import Cluster
from asl_pkg.k8s.pending_pods import step_of, tell_of_pending
from asl_pkg.orchestration.form import STEP_TITLES

if TYPE_CHECKING:
    from kfp import Client

STEPS = {shown: step for step, title in STEP_TITLES.items() for shown in (step, title)}  # by what KFP may show
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
POLL_S = 5.0
LOG_LINES = 20  # of the step that failed
RUN_LABEL = "pipeline/runid"


def follow(client: "Client", run_id: str, cluster: Cluster | None, poll_s: float = POLL_S) -> str:
    """Say how a run goes on until it ends.

    Args:
        client: of Kubeflow Pipelines.
        run_id: the run.
        cluster: where its pods are; None where it cannot be looked at.
        poll_s: between two looks.

    Returns:
        The state that it ended in.
    """
    states: dict[str, str] = {}
    told: set[str] = set()
    while True:
        run = client.get_run(run_id)
        for task in (run.run_details and run.run_details.task_details) or []:
            step = STEPS.get(task.display_name)
            if step and task.state and states.get(step) != task.state:
                states[step] = task.state
                progress.say(f"{datetime.now():%H:%M:%S} {step}: {task.state.lower()}")
        if cluster:
            tell_of_pending(cluster, {RUN_LABEL: run_id}, told)
        if run.state in ENDED:
            return str(run.state)
        time.sleep(poll_s)


def failure(cluster: Cluster, run_id: str) -> tuple[str, list[str]]:
    """Find why a run failed.

    Args:
        cluster: where its pods are.
        run_id: the run.

    Returns:
        The step and the last lines of its log; empty where no pod of a step is left that failed.
    """
    latest = {}  # a step that is tried again has several pods
    for pod in sorted(cluster.pods({RUN_LABEL: run_id}), key=lambda pod: pod.metadata.creation_timestamp):
        latest[step_of(pod)] = pod
    for step, pod in latest.items():
        if step and step != "finish" and pod.status.phase == "Failed":
            return step, cluster.log(pod.metadata.name, "main", previous=False).splitlines()[-LOG_LINES:]
    return "", []
