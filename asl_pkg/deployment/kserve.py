"""Kubernetes as the deployment target: a store in S3, an InferenceService of KServe."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from asl_pkg import contract
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import Store
from asl_pkg.config.schema import DeploySettings
from asl_pkg.deployment import http_route
from asl_pkg.deployment.inference_service import as_it_was, inference_service, serving_of, with_canary
from asl_pkg.deployment.target import NotRestoredError
from asl_pkg.errors import ServingError
from asl_pkg.k8s.client import Cluster, ConflictError
from asl_pkg.k8s.port_forward import pod_urls
from asl_pkg.k8s.rollout import (
    ROLLOUT_POLL_S,
    Workload,
    pods_of,
    predictor_workload,
    transformer_workload,
    wait_until_rolled_out,
)

WRITE_ATTEMPTS = 10  # KServe updates the object's status between our read and our write


class KServeTarget:
    """An InferenceService, and a second one for a candidate while a release is tested.

    Args:
        store: The model store.
        cluster: Cluster and namespace.
        settings: Name of the InferenceService, timeouts and canary.
    """

    def __init__(self, store: Store, cluster: Cluster, settings: DeploySettings) -> None:
        self.store = store
        self.cluster = cluster
        self.settings = settings

    def serving(self) -> Serving | None:
        """The serving release; None before the first deploy."""
        live = self.cluster.get(self.settings.name)
        return serving_of(live) if live else None

    def demands_signature(self) -> bool:
        """Whether the ServingRuntime requires signatures, as in the overlay production."""
        annotations = self.cluster.serving_runtime(contract.SERVING_RUNTIME)["metadata"].get("annotations", {})
        return bool(annotations.get(contract.SIGNATURE_ANNOTATION) == "required")

    def storage_limit_bytes(self) -> float:
        """Limit of ephemeral storage in the ServingRuntime; a pod that uses more is evicted."""
        container = self.cluster.serving_runtime(contract.SERVING_RUNTIME)["spec"]["containers"][0]
        limit = container.get("resources", {}).get("limits", {}).get("ephemeral-storage")
        return float(parse_quantity(limit)) if limit else math.inf

    def manifest(self, serving: Serving) -> dict[str, Any]:
        """The InferenceService that serves a release."""
        uri, image = self.store.uri(serving.release), self.settings.transformer_image
        return inference_service(self.settings.name, self.cluster.namespace, uri, serving, image)

    @contextmanager
    def candidate(self, serving: Serving) -> Iterator[list[str]]:
        """A stored release in an InferenceService of its own, without user traffic."""
        self._delete_stale_candidate()
        name, uri = self.settings.name + contract.CANDIDATE_SUFFIX, self.store.uri(serving.release)
        try:
            self.cluster.apply(inference_service(name, self.cluster.namespace, uri, serving))
            with pod_urls(self.cluster, self._wait(predictor_workload(name, serving.bundle_digest))) as urls:
                yield urls
        finally:
            self.cluster.delete(name)

    @contextmanager
    def canary(self, serving: Serving, before: Serving) -> Iterator[tuple[list[str], list[str]]]:
        """A stored release that shares the traffic of the serving one, with as many pods."""
        name, stable = self.settings.name, self.manifest(before)
        pods = pods_of(self.cluster, predictor_workload(name, before.bundle_digest))
        percent = self.settings.canary_percent
        live = self._write(with_canary(stable, self.manifest(serving), len(pods), percent), before)
        try:
            canary = self._wait(predictor_workload(name, serving.bundle_digest, contract.CANARY_NAME))
            http_route.share_traffic(self.cluster.namespace, name, percent)
            with pod_urls(self.cluster, pods) as urls, pod_urls(self.cluster, canary) as others:
                yield urls, others
        finally:
            http_route.share_traffic(self.cluster.namespace, name, 0)
            self._restore(live)

    @contextmanager
    def promote(self, serving: Serving, before: Serving | None) -> Iterator[list[str]]:
        """Switch to a stored release and watch the rollout."""
        if (
            "canary" in (self.cluster.get(self.settings.name) or {"spec": {}})["spec"]
        ):  # an earlier deploy was killed during its canary
            http_route.share_traffic(self.cluster.namespace, self.settings.name, 0)
        live = self._write(self.manifest(serving), before)
        try:
            pods = self._wait(predictor_workload(self.settings.name, serving.bundle_digest))
            if image := self.settings.transformer_image:
                self._wait(transformer_workload(self.settings.name, image))
            with pod_urls(self.cluster, pods) as urls:
                yield urls
        except BaseException:
            self._restore(live)
            raise
        self.store.write_serving(serving)

    def _wait(self, workload: Workload) -> list[Any]:
        return wait_until_rolled_out(self.cluster, workload, self.settings.timeout_s)

    def _delete_stale_candidate(self) -> None:
        """Delete the candidate of a killed deploy; refuse if that deploy may still be running."""
        name, deadline = self.settings.name + contract.CANDIDATE_SUFFIX, time.monotonic() + self.settings.timeout_s
        while live := self.cluster.get(name):
            if "deletionTimestamp" not in live["metadata"]:
                made = datetime.fromisoformat(live["metadata"]["creationTimestamp"])
                if (datetime.now(UTC) - made).total_seconds() < self.settings.timeout_s:
                    raise ServingError(
                        f"another deploy has been running since {made:%H:%M} UTC; if it was killed: "
                        f"`kubectl -n {self.cluster.namespace} delete inferenceservice {name}`"
                    )
                self.cluster.delete(name)
            if time.monotonic() > deadline:
                raise ServingError(f"InferenceService {name} was not deleted in time: is KServe's controller running?")
            time.sleep(ROLLOUT_POLL_S)

    def _write(self, wanted: dict[str, Any], before: Serving | None) -> dict[str, Any] | None:
        """Write the InferenceService unless the serving release changed; returns the previous object."""
        for _ in range(WRITE_ATTEMPTS):
            live = self.cluster.get(self.settings.name)
            if (serving_of(live) if live else None) != before:
                break
            if live:
                wanted["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
            try:
                self.cluster.apply(wanted)
            except ConflictError:
                continue
            return live
        raise ServingError(
            "another deploy changed the serving release meanwhile: run `asl validate`, then deploy again"
        )

    def _restore(self, live: dict[str, Any] | None) -> None:
        if live is None:
            self.cluster.delete(self.settings.name)
            return
        before = serving_of(live)
        try:
            self.cluster.apply(as_it_was(live))
            self._wait(predictor_workload(self.settings.name, before.bundle_digest))
        except ServingError as error:
            raise NotRestoredError(f"could not restore release {before.release}: {error}") from error
