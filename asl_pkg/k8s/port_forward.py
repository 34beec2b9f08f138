"""URLs of pods: their own addresses inside the cluster, forwarded ports outside."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from asl_pkg import contract
from asl_pkg.errors import ServingError
from asl_pkg.k8s.client import Cluster


@contextmanager
def pod_urls(cluster: Cluster, pods: Sequence[Any]) -> Iterator[list[str]]:
    """Give the URL of each pod. A Service would hide a single pod that answers wrongly.

    Args:
        cluster: Cluster of the pods.
        pods: Pods of the predictor.

    Yields:
        `http://HOST:PORT`, one per pod.

    Raises:
        ServingError: A port could not be forwarded.
    """
    if cluster.inside:
        yield [f"http://{pod.status.pod_ip}:{contract.POD_HTTP_PORT}" for pod in pods]
        return
    with ExitStack() as stack:
        yield [stack.enter_context(_forwarded(cluster.namespace, pod.metadata.name)) for pod in pods]


@contextmanager
def _forwarded(namespace: str, pod: str) -> Iterator[str]:
    # the Python client's own forwarding ends with the first connection that breaks
    command = ["kubectl", "--namespace", namespace, "port-forward", f"pod/{pod}", f":{contract.POD_HTTP_PORT}"]
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError as error:
        raise ServingError(
            "kubectl is not installed; it is needed to reach pods from outside the cluster: https://kubernetes.io/docs/tasks/tools"
        ) from error
    try:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()  # "Forwarding from 127.0.0.1:PORT -> 8080", empty if kubectl ended
        if not line:
            raise ServingError(f"kubectl cannot reach pod {pod}: {' '.join(process.stderr.read().split())}")
        yield f"http://{line.split()[2]}"
    finally:
        process.terminate()
        process.communicate()
