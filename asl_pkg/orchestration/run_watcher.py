"""Watch a run on Kubeflow Pipelines: the state of its steps, and pending pods."""

import time
from datetime import datetime
from typing import TYPE_CHECKING

from asl_pkg import progress
from asl_pkg.k8s.client import Cluster
from asl_pkg.k8s.pending_pods import report_pending_pods
from asl_pkg.orchestration.failed_step import RUN_LABEL
from asl_pkg.orchestration.form import STEP_TITLES

if TYPE_CHECKING:
    from kfp import Client

STEP_OF_TITLE = {shown: step for step, title in STEP_TITLES.items() for shown in (step, title)}  # KFP may show either
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
RUN_POLL_S = 5.0


def watch_run(client: "Client", run_id: str, cluster: Cluster | None, poll_s: float = RUN_POLL_S) -> str:
    """Report the progress of a run until it ends.

    Args:
        client: Client of Kubeflow Pipelines.
        run_id: ID of the run.
        cluster: Cluster of its pods; None if it is not reachable.
        poll_s: Polling interval.

    Returns:
        The final state.
    """
    states: dict[str, str] = {}
    told: set[str] = set()
    while True:
        run = client.get_run(run_id)
        for task in (run.run_details and run.run_details.task_details) or []:
            step = STEP_OF_TITLE.get(task.display_name)
            if step and task.state and states.get(step) != task.state:
                states[step] = task.state
                progress.say(f"{datetime.now():%H:%M:%S} {step}: {task.state.lower()}")
        if cluster:
            report_pending_pods(cluster, {RUN_LABEL: run_id}, told)
        if run.state in ENDED:
            return str(run.state)
        time.sleep(poll_s)
