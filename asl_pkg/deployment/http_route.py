"""The share of HTTP traffic that a canary gets: weights in our HTTPRoute, since KServe sets none."""

from typing import Any

from asl_pkg import contract
from asl_pkg.k8s.client import Cluster, ObjectKind

ROUTE_KIND = ObjectKind("HTTPRoute", "httproutes", "gateway.networking.k8s.io/v1", missing="")


def share_traffic(namespace: str, service: str, percent: int) -> None:
    """Route a share of the HTTP traffic to a canary; without our component gateway nothing happens.

    Args:
        namespace: Namespace of the InferenceService.
        service: Name of the InferenceService.
        percent: Percentage of HTTP requests for the canary; 0 for none.

    Raises:
        ServingError: The API server refuses.
    """
    cluster = Cluster(namespace, ROUTE_KIND)
    if live := cluster.get(contract.HTTP_ROUTE):
        metadata = {"name": contract.HTTP_ROUTE, "namespace": namespace}
        rules = weighted_rules(live["spec"]["rules"], service, percent)
        cluster.apply(
            {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata, "spec": {"rules": rules}}
        )


def weighted_rules(rules: list[dict[str, Any]], service: str, percent: int) -> list[dict[str, Any]]:
    """Set the weights in the rules of an HTTPRoute.

    Args:
        rules: Rules of the route; those for the predictor are changed.
        service: Name of the InferenceService.
        percent: Percentage of requests for the canary; 0 for none.

    Returns:
        The new rules.
    """
    stable, canary = (f"{service}{part}-predictor" for part in ("", f"-{contract.CANARY_NAME}"))
    found = []
    for rule in rules:
        for backend in [reference for reference in rule["backendRefs"] if reference["name"] == stable]:
            alone, other = backend | {"weight": 1}, backend | {"name": canary, "weight": percent}
            backends = [backend | {"weight": 100 - percent}, other] if percent else [alone]
            rule = rule | {"backendRefs": backends}
        found.append(rule)
    return found
