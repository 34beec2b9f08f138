"""Addresses at which pods answer: their own inside the cluster, forwarded ports outside."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from asl_pkg import contract
from asl_pkg.errors import ServingError
from asl_pkg.k8s.client import Cluster


@contextmanager
def pod_urls(cluster: Cluster, pods: Sequence[Any]) -> Iterator[list[str]]:
    """Give an address for each pod, each pod on its own: a Service would hide one that answers wrongly.

    Args:
        cluster: where they run.
        pods: of the predictor.

    Yields:
        `http://HOST:PORT`, one a pod.

    Raises:
        ServingError: a port could not be forwarded.
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
            "kubectl is missing, which reaches pods from outside the cluster: https://kubernetes.io/docs/tasks/tools"
        ) from error
    try:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()  # "Forwarding from 127.0.0.1:PORT -> 8080", empty where it ended
        if not line:
            raise ServingError(f"kubectl does not reach pod {pod}: {' '.join(process.stderr.read().split())}")
        yield f"http://{line.split()[2]}"
    finally:
        process.terminate()
        process.communicate()
