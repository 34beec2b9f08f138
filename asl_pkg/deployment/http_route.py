"""What a gateway gives a canary of the users' requests: the weights of our HTTPRoute, since KServe sets none."""

from typing import Any

from asl_pkg import contract
from asl_pkg.k8s.client import Cluster, Kind

HTTP_ROUTE = Kind("HTTPRoute", "httproutes", "gateway.networking.k8s.io/v1", missing="")


def share(namespace: str, service: str, percent: int) -> None:
    """Let the gateway give a canary its share; without our component gateway nothing happens.

    Args:
        namespace: where both serve.
        service: the InferenceService.
        percent: of the requests over HTTP for the canary; 0 for none.

    Raises:
        ServingError: the server refuses.
    """
    cluster = Cluster(namespace, HTTP_ROUTE)
    if live := cluster.get(contract.HTTP_ROUTE):
        metadata = {"name": contract.HTTP_ROUTE, "namespace": namespace}
        rules = weighted(live["spec"]["rules"], service, percent)
        cluster.apply(
            {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata, "spec": {"rules": rules}}
        )


def weighted(rules: list[dict[str, Any]], service: str, percent: int) -> list[dict[str, Any]]:
    """Give the rules of an HTTPRoute with a canary's share.

    Args:
        rules: those that lead to the predictor are changed.
        service: the InferenceService.
        percent: of the requests for the canary; 0 for none.

    Returns:
        The rules.
    """
    stable, canary = (f"{service}{part}-predictor" for part in ("", f"-{contract.CANARY_NAME}"))
    found = []
    for rule in rules:
        for backend in [one for one in rule["backendRefs"] if one["name"] == stable]:
            alone, other = backend | {"weight": 1}, backend | {"name": canary, "weight": percent}
            backends = [backend | {"weight": 100 - percent}, other] if percent else [alone]
            rule = rule | {"backendRefs": backends}
        found.append(rule)
    return found
