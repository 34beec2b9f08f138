"""What becomes of a run on Kubeflow Pipelines: its steps as they go on, and pods that wait."""

import time
from datetime import datetime
from typing import TYPE_CHECKING

from asl_pkg import progress
from asl_pkg.k8s.client import Cluster
from asl_pkg.k8s.pending_pods import tell_of_pending
from asl_pkg.orchestration.failed_step import RUN_LABEL
from asl_pkg.orchestration.form import STEP_TITLES

if TYPE_CHECKING:
    from kfp import Client

STEPS = {shown: step for step, title in STEP_TITLES.items() for shown in (step, title)}  # by what KFP may show
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
POLL_S = 5.0


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
