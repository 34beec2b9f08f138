"""Pods that stay pending: each is reported once, with the reason that Kubernetes gives."""

import re
from datetime import UTC, datetime
from typing import Any

from asl_pkg import progress
from asl_pkg.errors import ServingError
from asl_pkg.k8s.client import Cluster

PENDING_S = 60  # a pod that is pending for so long is reported
NODE_ANNOTATION = "workflows.argoproj.io/node-name"
# RUN.root.….STEP.executor. Argo appends (1) to a node that it tries a second time and (2:x) to one of a loop: either of
# the two, or both.
STEP_NODE = re.compile(r"(?:^|\.)([\w-]+)(?:\([^()]*\))*\.executor(?:\([^()]*\))*$")


def step_of(pod: Any) -> str:
    """Name the step that a pod runs.

    Args:
        pod: A pod of a run.

    Returns:
        The step; empty for kfp's own pods. A step taken from the cache has no others.
    """
    found = STEP_NODE.search((pod.metadata.annotations or {}).get(NODE_ANNOTATION, ""))
    return found[1] if found else ""


def report_pending_pods(cluster: Cluster, labels: dict[str, str], told: set[str]) -> None:
    """Report each pending pod once, with the reason that Kubernetes gives.

    Args:
        cluster: Cluster of the pods.
        labels: Labels of the pods.
        told: Pods reported so far; new ones are added.
    """
    try:
        for pod in cluster.pods(labels):
            name, waits = pod.metadata.name, datetime.now(UTC) - pod.metadata.creation_timestamp
            if pod.status.phase == "Pending" and waits.total_seconds() >= PENDING_S and name not in told:
                told.add(name)
                why = cluster.event_of(name) or "Kubernetes does not say why"
                progress.say(f"{step_of(pod) or name}: its pod {name} has been pending for {PENDING_S} s: {why}")
    except ServingError as error:
        if "" not in told:
            told.add("")
            progress.say(f"cannot watch the pods: {error}")
