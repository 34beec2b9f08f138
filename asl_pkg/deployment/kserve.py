"""Kubernetes as the place where a release serves: S3 as the store, an InferenceService of KServe."""

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
from asl_pkg.k8s.rollout import POLL_S, Workload, pods_of, predictor, transformer, wait_until_rolled_out

WRITE_ATTEMPTS = 10  # KServe writes the object's status between our look and our word


class KServeTarget:
    """An InferenceService that serves, beside it a candidate while a release is tried.

    Args:
        store: the model store.
        cluster: where it serves.
        settings: its name, and how long to wait.
    """

    def __init__(self, store: Store, cluster: Cluster, settings: DeploySettings) -> None:
        self.store = store
        self.cluster = cluster
        self.settings = settings

    def serving(self) -> Serving | None:
        """What serves, None before the first deploy."""
        live = self.cluster.get(self.settings.name)
        return serving_of(live) if live else None

    def demands_signature(self) -> bool:
        """Whether the ServingRuntime says so, as that of the overlay production does."""
        annotations = self.cluster.serving_runtime(contract.SERVING_RUNTIME)["metadata"].get("annotations", {})
        return bool(annotations.get(contract.SIGNATURE_ANNOTATION) == "required")

    def storage_limit_bytes(self) -> float:
        """The ephemeral storage that the ServingRuntime allows: a pod that keeps more is evicted."""
        container = self.cluster.serving_runtime(contract.SERVING_RUNTIME)["spec"]["containers"][0]
        limit = container.get("resources", {}).get("limits", {}).get("ephemeral-storage")
        return float(parse_quantity(limit)) if limit else math.inf

    def manifest(self, serving: Serving) -> dict[str, Any]:
        """The InferenceService that serves a release."""
        uri, image = self.store.uri(serving.release), self.settings.transformer_image
        return inference_service(self.settings.name, self.cluster.namespace, uri, serving, image)

    @contextmanager
    def candidate(self, serving: Serving) -> Iterator[list[str]]:
        """A stored release in an InferenceService of its own, which no user's request reaches."""
        self._make_room()
        name, uri = self.settings.name + contract.CANDIDATE_SUFFIX, self.store.uri(serving.release)
        try:
            self.cluster.apply(inference_service(name, self.cluster.namespace, uri, serving))
            with pod_urls(self.cluster, self._wait(predictor(name, serving.bundle_digest))) as urls:
                yield urls
        finally:
            self.cluster.delete(name)

    @contextmanager
    def canary(self, serving: Serving, before: Serving) -> Iterator[tuple[list[str], list[str]]]:
        """A stored release that shares the users of what serves, with as many pods."""
        name, stable = self.settings.name, self.manifest(before)
        pods = pods_of(self.cluster, predictor(name, before.bundle_digest))
        percent = self.settings.canary_percent
        live = self._write(with_canary(stable, self.manifest(serving), len(pods), percent), before)
        try:
            canary = self._wait(predictor(name, serving.bundle_digest, contract.CANARY_NAME))
            http_route.share(self.cluster.namespace, name, percent)
            with pod_urls(self.cluster, pods) as urls, pod_urls(self.cluster, canary) as others:
                yield urls, others
        finally:
            http_route.share(self.cluster.namespace, name, 0)
            self._restore(live)

    @contextmanager
    def promote(self, serving: Serving, before: Serving | None) -> Iterator[list[str]]:
        """A stored release that serves from now on, its rollout watched."""
        if "canary" in (self.cluster.get(self.settings.name) or {"spec": {}})["spec"]:  # a deploy was killed meanwhile
            http_route.share(self.cluster.namespace, self.settings.name, 0)
        live = self._write(self.manifest(serving), before)
        try:
            pods = self._wait(predictor(self.settings.name, serving.bundle_digest))
            if image := self.settings.transformer_image:
                self._wait(transformer(self.settings.name, image))
            with pod_urls(self.cluster, pods) as urls:
                yield urls
        except BaseException:
            self._restore(live)
            raise
        self.store.write_serving(serving)

    def _wait(self, workload: Workload) -> list[Any]:
        return wait_until_rolled_out(self.cluster, workload, self.settings.timeout_s)

    def _make_room(self) -> None:
        """Remove the candidate of a deploy that was killed; refuse beside one that may be under way."""
        name, deadline = self.settings.name + contract.CANDIDATE_SUFFIX, time.monotonic() + self.settings.timeout_s
        while live := self.cluster.get(name):
            if "deletionTimestamp" not in live["metadata"]:
                made = datetime.fromisoformat(live["metadata"]["creationTimestamp"])
                if (datetime.now(UTC) - made).total_seconds() < self.settings.timeout_s:
                    raise ServingError(
                        f"another deploy is under way since {made:%H:%M} UTC; if it was killed: "
                        f"`kubectl -n {self.cluster.namespace} delete inferenceservice {name}`"
                    )
                self.cluster.delete(name)
            if time.monotonic() > deadline:
                raise ServingError(f"InferenceService {name} does not go: is KServe's controller running?")
            time.sleep(POLL_S)

    def _write(self, wanted: dict[str, Any], before: Serving | None) -> dict[str, Any] | None:
        """Write the InferenceService, unless somebody changed what serves; the object as it was."""
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
        raise ServingError("another deploy has changed what serves meanwhile: `asl validate`, then deploy again")

    def _restore(self, live: dict[str, Any] | None) -> None:
        if live is None:
            self.cluster.delete(self.settings.name)
            return
        before = serving_of(live)
        try:
            self.cluster.apply(as_it_was(live))
            self._wait(predictor(self.settings.name, before.bundle_digest))
        except ServingError as error:
            raise NotRestoredError(f"release {before.release} did not come back: {error}") from error
