"""Watch a rollout through its Deployment: an InferenceService stays Ready while its new pods crash."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from asl_pkg import contract
from asl_pkg.errors import ServingError
from asl_pkg.k8s.client import Cluster
from asl_pkg.serving.triton.log import failure_reason

ROLLOUT_POLL_S = 0.5
CRASHES = 2  # of one container; after that, waiting does not help
HOPELESS = ("ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError")


@dataclass(frozen=True)
class Workload:
    """A Deployment of an InferenceService, and how to recognise its new pods.

    Args:
        service: Name of the InferenceService.
        deployment: Name of the Deployment.
        component: Predictor or transformer.
        belongs: Whether a pod specification is that of the new release.
    """

    service: str
    deployment: str
    component: str
    belongs: Callable[[Any], bool]


def predictor_workload(service: str, digest: str, name: str = "") -> Workload:
    """The predictor that serves a bundle; the predictor of a canary has a name."""
    deployment = "-".join(filter(None, [service, name, "predictor"]))
    return Workload(service, deployment, "predictor", lambda spec: _digest(spec) == digest)


def transformer_workload(service: str, image: str) -> Workload:
    """The transformer that runs a container image."""
    return Workload(service, f"{service}-transformer", "transformer", lambda spec: spec.containers[0].image == image)


def wait_until_rolled_out(cluster: Cluster, workload: Workload, timeout_s: float) -> list[Any]:
    """Wait until every pod of a workload is new and ready.

    Args:
        cluster: Cluster of the workload.
        workload: The workload.
        timeout_s: Longest wait.

    Returns:
        The pods.

    Raises:
        ServingError: A pod fails, with the reason from its log; or the timeout expires.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        deployment = cluster.deployment(workload.deployment)
        pods = pods_of(cluster, workload)
        if deployment and workload.belongs(deployment.spec.template.spec) and _complete(deployment):
            return pods
        live = cluster.get(workload.service)
        for failure in (*_refusals(live), *(failure for pod in pods for failure in _failures(cluster, pod))):
            raise ServingError(f"InferenceService {workload.service}: {failure}")
        if time.monotonic() > deadline:
            states = ", ".join(f"{pod.metadata.name} is {pod.status.phase}" for pod in pods) or "it has no pod"
            raise ServingError(
                f"Deployment {workload.deployment} was not rolled out within {timeout_s:.0f} s: {states}; "
                f"`kubectl -n {cluster.namespace} describe pods` says why"
            )
        time.sleep(ROLLOUT_POLL_S)


def pods_of(cluster: Cluster, workload: Workload) -> list[Any]:
    """List the new pods of a workload that are not being deleted."""
    pods = cluster.pods({"serving.kserve.io/inferenceservice": workload.service, "component": workload.component})
    return [pod for pod in pods if workload.belongs(pod.spec) and pod.metadata.deletion_timestamp is None]


def _digest(spec: Any) -> str | None:
    """The digest of the bundle that a pod serves."""
    variables = [variable for container in spec.containers for variable in container.env or []]
    return next((variable.value for variable in variables if variable.name == contract.BUNDLE_DIGEST_VARIABLE), None)


def _complete(deployment: Any) -> bool:
    """Whether all pods are of the newest template and available, and no older pod is left."""
    status, wanted = deployment.status, deployment.spec.replicas
    counts = (status.replicas, status.updated_replicas, status.available_replicas)
    return status.observed_generation == deployment.metadata.generation and counts == (wanted, wanted, wanted)


def _refusals(live: dict[str, Any] | None) -> Iterator[str]:
    """Why KServe rejects the object: an unknown runtime or format."""
    status = (live or {}).get("status", {}).get("modelStatus", {})
    if status.get("transitionStatus") == "InvalidSpec":
        yield str(status.get("lastFailureInfo", {}).get("message", "KServe rejects it"))


def _failures(cluster: Cluster, pod: Any) -> Iterator[str]:
    """What is wrong with a pod, if waiting cannot fix it."""
    name = pod.metadata.name
    if pod.status.phase == "Failed":
        yield f"pod {name} failed: {pod.status.reason or ''} {pod.status.message or ''}".rstrip()
    for status in (*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())):
        waiting = status.state.waiting
        if waiting and waiting.reason in HOPELESS:
            yield f"pod {name}: {status.name}: {waiting.reason}: {waiting.message}"
        if status.restart_count >= CRASHES and not status.ready:
            log = cluster.log(name, status.name) or cluster.log(name, status.name, previous=False)
            yield f"pod {name}: {status.name} ended {status.restart_count} times: {failure_reason(log)}"
