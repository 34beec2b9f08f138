"""Watching a rollout on the Deployment: an InferenceService stays Ready while its new pods crash."""

import time
from collections.abc import Iterator
from typing import Any

from asl_pkg import contract
from asl_pkg.errors import ServingError
from asl_pkg.serving.places.cluster import Cluster
from asl_pkg.serving.triton_log import reason

POLL_S = 0.5
CRASHES = 2  # of one container, after which it is not a matter of waiting
HOPELESS = ("ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError")


def wait_until_rolled_out(cluster: Cluster, name: str, digest: str, timeout_s: float, predictor: str = "") -> list[Any]:
    """Wait until every pod of an InferenceService's predictor is of one bundle and ready.

    Args:
        cluster: where.
        name: of the InferenceService.
        digest: of the bundle.
        timeout_s: how long.
        predictor: name of the predictor; empty for the one that has none.

    Returns:
        The pods.

    Raises:
        ServingError: a pod fails, with the line of its log that says why; or the time is over.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        deployment = cluster.deployment("-".join(filter(None, [name, predictor, "predictor"])))
        pods = pods_of(cluster, name, digest)
        if deployment and _digest(deployment.spec.template.spec) == digest and _complete(deployment):
            return pods
        for failure in (*_refusals(cluster.get(name)), *(one for pod in pods for one in _failures(cluster, pod))):
            raise ServingError(f"InferenceService {name}: {failure}")
        if time.monotonic() > deadline:
            states = ", ".join(f"{pod.metadata.name} is {pod.status.phase}" for pod in pods) or "there is no pod"
            raise ServingError(
                f"InferenceService {name} was not rolled out in {timeout_s:.0f} s: {states}; "
                f"`kubectl -n {cluster.namespace} describe pods` says why"
            )
        time.sleep(POLL_S)


def pods_of(cluster: Cluster, name: str, digest: str) -> list[Any]:
    """List the predictor's pods of one bundle that are not on their way out.

    Args:
        cluster: where.
        name: of the InferenceService.
        digest: of the bundle.

    Returns:
        The pods.
    """
    pods = cluster.pods({"serving.kserve.io/inferenceservice": name, "component": "predictor"})
    return [pod for pod in pods if _digest(pod.spec) == digest and pod.metadata.deletion_timestamp is None]


def _digest(spec: Any) -> str | None:
    """The bundle that a pod is to serve."""
    variables = [one for container in spec.containers for one in container.env or []]
    return next((one.value for one in variables if one.name == contract.BUNDLE_DIGEST_VARIABLE), None)


def _complete(deployment: Any) -> bool:
    """Whether the server has seen the newest template and every pod is of it, available, and none is left over."""
    status, wanted = deployment.status, deployment.spec.replicas
    counts = (status.replicas, status.updated_replicas, status.available_replicas)
    return status.observed_generation == deployment.metadata.generation and counts == (wanted, wanted, wanted)


def _refusals(live: dict[str, Any] | None) -> Iterator[str]:
    """What KServe itself says against the object: no such runtime, no such format."""
    status = (live or {}).get("status", {}).get("modelStatus", {})
    if status.get("transitionStatus") == "InvalidSpec":
        yield str(status.get("lastFailureInfo", {}).get("message", "KServe refuses it"))


def _failures(cluster: Cluster, pod: Any) -> Iterator[str]:
    """What is wrong with a pod that waiting does not mend."""
    name = pod.metadata.name
    if pod.status.phase == "Failed":
        yield f"pod {name} failed: {pod.status.reason or ''} {pod.status.message or ''}".rstrip()
    for status in (*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())):
        waiting = status.state.waiting
        if waiting and waiting.reason in HOPELESS:
            yield f"pod {name}: {status.name}: {waiting.reason}: {waiting.message}"
        if status.restart_count >= CRASHES and not status.ready:
            said = reason(cluster.log(name, status.name))
            yield f"pod {name}: {status.name} ended {status.restart_count} times: {said}"
