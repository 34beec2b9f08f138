"""Watching a rollout on the Deployment: an InferenceService stays Ready while its new pods crash."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from asl_pkg import contract
from asl_pkg.errors import ServingError
from asl_pkg.k8s.client import Cluster
from asl_pkg.serving.triton.log import reason

POLL_S = 0.5
CRASHES = 2  # of one container, after which it is not a matter of waiting
HOPELESS = ("ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError")


@dataclass(frozen=True)
class Workload:
    """A Deployment that KServe keeps for an InferenceService, and the pods that it has to get.

    Args:
        service: the InferenceService.
        deployment: the Deployment.
        component: predictor or transformer.
        belongs: whether a pod's specification is the one wanted.
    """

    service: str
    deployment: str
    component: str
    belongs: Callable[[Any], bool]


def predictor(service: str, digest: str, name: str = "") -> Workload:
    """The predictor of an InferenceService with a bundle; a canary's has a name."""
    deployment = "-".join(filter(None, [service, name, "predictor"]))
    return Workload(service, deployment, "predictor", lambda spec: _digest(spec) == digest)


def transformer(service: str, image: str) -> Workload:
    """The transformer of an InferenceService with an image."""
    return Workload(service, f"{service}-transformer", "transformer", lambda spec: spec.containers[0].image == image)


def wait_until_rolled_out(cluster: Cluster, workload: Workload, timeout_s: float) -> list[Any]:
    """Wait until every pod of a workload is the one wanted and ready.

    Args:
        cluster: where.
        workload: what.
        timeout_s: how long.

    Returns:
        The pods.

    Raises:
        ServingError: a pod fails, with the line of its log that says why; or the time is over.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        deployment = cluster.deployment(workload.deployment)
        pods = pods_of(cluster, workload)
        if deployment and workload.belongs(deployment.spec.template.spec) and _complete(deployment):
            return pods
        live = cluster.get(workload.service)
        for failure in (*_refusals(live), *(one for pod in pods for one in _failures(cluster, pod))):
            raise ServingError(f"InferenceService {workload.service}: {failure}")
        if time.monotonic() > deadline:
            states = ", ".join(f"{pod.metadata.name} is {pod.status.phase}" for pod in pods) or "there is no pod"
            raise ServingError(
                f"Deployment {workload.deployment} was not rolled out in {timeout_s:.0f} s: {states}; "
                f"`kubectl -n {cluster.namespace} describe pods` says why"
            )
        time.sleep(POLL_S)


def pods_of(cluster: Cluster, workload: Workload) -> list[Any]:
    """List the pods of a workload that are the ones wanted and not on their way out."""
    pods = cluster.pods({"serving.kserve.io/inferenceservice": workload.service, "component": workload.component})
    return [pod for pod in pods if workload.belongs(pod.spec) and pod.metadata.deletion_timestamp is None]


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
            log = cluster.log(name, status.name) or cluster.log(name, status.name, previous=False)
            yield f"pod {name}: {status.name} ended {status.restart_count} times: {reason(log)}"
