"""The calls to a Kubernetes API server that we need, in one namespace, with errors explained."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from kubernetes.config.incluster_config import InClusterConfigLoader
from urllib3.exceptions import HTTPError

from asl_pkg import contract
from asl_pkg.errors import ServingError
from asl_pkg.network import runs_in_pod
from asl_pkg.outages import PatientRetry

KSERVE_GROUP = "serving.kserve.io"
API_VERSION = f"{KSERVE_GROUP}/v1beta1"
OWN_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"  # where Kubernetes mounts a pod's own credentials
APPLY = "application/apply-patch+yaml"
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 401, 403, 404, 409
LOG_GONE = "unable to retrieve container logs"  # the node's answer in place of the log
TIMEOUT_S = (10, 60)  # to connect, to read
EXPIRED = (
    ": the token has expired, or is not one of this cluster: `make serving` renews the deploy step's, a new login yours"
)
MAY_NOT = ": `kubectl auth can-i --list` lists what this account may do"


@dataclass(frozen=True)
class ObjectKind:
    """A kind of Kubernetes object that we read and write.

    Args:
        name: Kind, such as InferenceService.
        plural: Plural in the API's URLs.
        api_version: Group and version.
        missing: Hint for a cluster without this kind; empty if that only means that there is no object.
    """

    name: str
    plural: str
    api_version: str
    missing: str


INFERENCE_SERVICE = ObjectKind(
    "InferenceService", "inferenceservices", API_VERSION, ": is KServe installed (`make kserve`)?"
)


class Cluster:
    """An API server: that of KUBECONFIG or ~/.kube/config, or in a pod that of its cluster.

    A pod with the deployer's token mounted acts as the deployer, not as its own ServiceAccount.

    Args:
        namespace: Namespace of every call.
        kind: Kind of the objects that get, apply and delete work on.

    Raises:
        ServingError: No cluster is configured.
    """

    def __init__(self, namespace: str, kind: ObjectKind = INFERENCE_SERVICE) -> None:
        self.namespace, self.kind = namespace, kind
        self.inside = "KUBECONFIG" not in os.environ and runs_in_pod()
        settings = client.Configuration()
        try:
            if self.inside:
                account = contract.DEPLOYER_FOLDER if Path(contract.DEPLOYER_FOLDER).exists() else OWN_ACCOUNT
                _MountedAccount(f"{account}/token", f"{account}/ca.crt").load_and_set(settings)
            else:
                # the client reads the variable once, when it is imported
                config.load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=settings)
        except ConfigException as error:
            raise ServingError(f"no cluster: {error}: set KUBECONFIG and try `kubectl cluster-info`") from error
        if runs_in_pod():
            settings.retries = PatientRetry.of_a_step()
        self._api = client.ApiClient(settings)
        self._apps, self._core = client.AppsV1Api(self._api), client.CoreV1Api(self._api)
        self._custom = client.CustomObjectsApi(self._api)

    def get(self, name: str) -> dict[str, Any] | None:
        """Read an object of our kind; None if it does not exist."""
        return self._call("GET", name)

    def apply(self, manifest: dict[str, Any]) -> None:
        """Apply an object of our kind server-side, as the field manager that owns it.

        Args:
            manifest: The complete object; with a resourceVersion, a concurrent change makes the call fail.

        Raises:
            ConflictError: The object was changed concurrently.
            ServingError: The server refuses.
        """
        query = {"fieldManager": contract.FIELD_MANAGER, "force": "true"}
        self._call("PATCH", manifest["metadata"]["name"], manifest, query)

    def delete(self, name: str) -> None:
        """Delete an object of our kind and everything it owns; a missing object is fine."""
        self._call("DELETE", name, query={"propagationPolicy": "Foreground"})

    def serving_runtime(self, name: str) -> dict[str, Any]:
        """Read a ServingRuntime.

        Raises:
            ServingError: It does not exist.
        """
        with self._explained(f"reading ServingRuntime {name}"):
            try:
                found: dict[str, Any] = self._custom.get_namespaced_custom_object(
                    KSERVE_GROUP, "v1alpha1", self.namespace, "servingruntimes", name, _request_timeout=TIMEOUT_S
                )
            except ApiException as error:
                if error.status == NOT_FOUND and name in str(error.body):
                    raise ServingError(
                        f"no ServingRuntime {name} in namespace {self.namespace}: `make serving` applies our manifests"
                    ) from error
                raise
        return found

    def deployment(self, name: str) -> Any:
        """Read a Deployment; None if it does not exist."""
        with self._explained(f"reading Deployment {name}"):
            try:
                return self._apps.read_namespaced_deployment(name, self.namespace, _request_timeout=TIMEOUT_S)
            except ApiException as error:
                if error.status == NOT_FOUND:
                    return None
                raise

    def pods(self, labels: dict[str, str]) -> list[Any]:
        """List the pods with all these labels."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        with self._explained("listing pods"):
            found = self._core.list_namespaced_pod(self.namespace, label_selector=selector, _request_timeout=TIMEOUT_S)
        return list(found.items)

    def pod(self, name: str) -> Any:
        """Read a pod."""
        with self._explained(f"reading pod {name}"):
            return self._core.read_namespaced_pod(name, self.namespace, _request_timeout=TIMEOUT_S)

    def has(self, kind: str, name: str) -> bool:
        """Whether an object of the core API exists, such as one of `secrets`."""
        with self._explained(f"reading {kind}/{name}"):
            try:
                self._api.call_api(
                    f"/api/v1/namespaces/{self.namespace}/{kind}/{name}",
                    "GET",
                    response_type="object",
                    auth_settings=["BearerToken"],
                    _request_timeout=TIMEOUT_S,
                )
            except ApiException as error:
                if error.status == NOT_FOUND:
                    return False
                raise
        return True

    def event_of(self, pod: str) -> str:
        """The newest event of a pod, warnings first; empty if there is none."""
        with self._explained(f"reading the events of {pod}"):
            found = self._core.list_namespaced_event(
                self.namespace, field_selector=f"involvedObject.name={pod}", _request_timeout=TIMEOUT_S
            ).items
        newest = sorted(found, key=lambda event: (event.type == "Warning", str(event.last_timestamp)))
        return f"{newest[-1].reason}: {newest[-1].message}" if newest else ""

    def log(self, pod: str, container: str, previous: bool = True) -> str:
        """The last lines of a container's log, or of its previous run; empty if the node no longer has it."""
        with self._explained(f"reading the log of {pod}"):
            try:
                text = self._core.read_namespaced_pod_log(
                    pod,
                    self.namespace,
                    container=container,
                    previous=previous,
                    tail_lines=100,
                    _request_timeout=TIMEOUT_S,
                )
            except ApiException as error:
                if error.status in (BAD_REQUEST, NOT_FOUND):
                    return ""
                raise
        return "" if str(text).startswith(LOG_GONE) else str(text)

    def _call(
        self, method: str, name: str, body: Any = None, query: dict[str, str] | None = None
    ) -> dict[str, Any] | None:
        """Read, write or delete an object of our kind; None if it does not exist."""
        path = f"/apis/{self.kind.api_version}/namespaces/{self.namespace}/{self.kind.plural}/{name}"
        with self._explained(f"{method} {self.kind.name} {name}"):
            try:
                answer: dict[str, Any] = self._api.call_api(
                    path,
                    method,
                    query_params=list((query or {}).items()),
                    header_params={"Accept": "application/json", "Content-Type": APPLY},
                    body=body,
                    response_type="object",
                    auth_settings=["BearerToken"],
                    _return_http_data_only=True,
                    _request_timeout=TIMEOUT_S,
                )
            except ApiException as error:
                # if the kind is unknown, the answer names no object
                if error.status == NOT_FOUND and (name in str(error.body) or not self.kind.missing):
                    return None
                raise
        return answer

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except ApiException as error:
            kind = ConflictError if error.status == CONFLICT else ServingError
            hint = {UNAUTHORIZED: EXPIRED, FORBIDDEN: MAY_NOT, NOT_FOUND: self.kind.missing}.get(error.status, "")
            raise kind(f"{what} in namespace {self.namespace}: {_reason(error)}{hint}") from error
        except HTTPError as error:
            raise ServingError(
                f"{what}: the API server does not answer ({type(error).__name__}): check KUBECONFIG"
            ) from error


def own_namespace() -> str:
    """Read the namespace of the pod that this process runs in."""
    return Path(OWN_ACCOUNT, "namespace").read_text(encoding="utf-8").strip()


class _MountedAccount(InClusterConfigLoader):
    """An account whose token may end with a newline, as `echo … | base64` makes it: no header may hold one."""

    token: str

    def _read_token_file(self) -> None:
        super()._read_token_file()
        self.token = self.token.strip()


class ConflictError(ServingError):
    """The object was changed concurrently."""


def _reason(error: ApiException) -> str:
    """The server's message in one line."""
    try:
        return " ".join(json.loads(error.body)["message"].split())
    except (TypeError, ValueError, KeyError):
        return " ".join(str(error.body or error.reason).split())
