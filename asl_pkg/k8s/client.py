"""The few calls that we make of a Kubernetes API server, in one namespace, and what its errors mean."""

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

GROUP = "serving.kserve.io"
API_VERSION = f"{GROUP}/v1beta1"
OWN_ACCOUNT = (
    "/var/run/secrets/kubernetes.io/serviceaccount"  # where Kubernetes puts what a pod needs to speak as itself
)
APPLY = "application/apply-patch+yaml"
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 401, 403, 404, 409
LOG_GONE = "unable to retrieve container logs"  # which the node answers in the log's place
TIMEOUT_S = (10, 60)  # to connect, to answer
EXPIRED = (
    ": the token has expired, or is not one of this cluster: `make serving` renews the deploy step's, a new login yours"
)
MAY_NOT = ": `kubectl auth can-i --list` shows what this account may do"


@dataclass(frozen=True)
class Kind:
    """A kind of object that we write.

    Args:
        name: such as InferenceService.
        plural: as addresses spell it.
        api_version: its group and version.
        missing: said where the cluster does not know it; empty where that means that there is none.
    """

    name: str
    plural: str
    api_version: str
    missing: str


INFERENCE_SERVICE = Kind("InferenceService", "inferenceservices", API_VERSION, ": is KServe installed (`make kserve`)?")


class Cluster:
    """An API server: the one that KUBECONFIG or ~/.kube/config names, inside a pod its own.

    A pod that has the deployer's token mounted speaks as the deployer, not as the account that it runs as.

    Args:
        namespace: where everything happens.
        kind: of the objects that are read and written.

    Raises:
        ServingError: no cluster is named.
    """

    def __init__(self, namespace: str, kind: Kind = INFERENCE_SERVICE) -> None:
        self.namespace, self.kind = namespace, kind
        self.inside = "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ
        settings = client.Configuration()
        try:
            if self.inside:
                account = contract.DEPLOYER_FOLDER if Path(contract.DEPLOYER_FOLDER).exists() else OWN_ACCOUNT
                _MountedAccount(f"{account}/token", f"{account}/ca.crt").load_and_set(settings)
            else:
                # the client reads the variable once, when it is imported
                config.load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=settings)
        except ConfigException as error:
            raise ServingError(f"no cluster: {error}: set KUBECONFIG, or ask with `kubectl cluster-info`") from error
        self._api = client.ApiClient(settings)
        self._apps, self._core = client.AppsV1Api(self._api), client.CoreV1Api(self._api)
        self._custom = client.CustomObjectsApi(self._api)

    def get(self, name: str) -> dict[str, Any] | None:
        """Read an object of our kind, None where there is none."""
        return self._call("GET", name)

    def apply(self, manifest: dict[str, Any]) -> None:
        """Apply an object of our kind server-side, as the field manager that owns it.

        Args:
            manifest: complete; with a resourceVersion it is refused where somebody else wrote meanwhile.

        Raises:
            ConflictError: somebody else wrote meanwhile.
            ServingError: the server refuses.
        """
        query = {"fieldManager": contract.FIELD_MANAGER, "force": "true"}
        self._call("PATCH", manifest["metadata"]["name"], manifest, query)

    def delete(self, name: str) -> None:
        """Have an object of our kind deleted with all that it owns; none is fine."""
        self._call("DELETE", name, query={"propagationPolicy": "Foreground"})

    def serving_runtime(self, name: str) -> dict[str, Any]:
        """Read a ServingRuntime.

        Raises:
            ServingError: there is none.
        """
        with self._explained(f"reading ServingRuntime {name}"):
            try:
                found: dict[str, Any] = self._custom.get_namespaced_custom_object(
                    GROUP, "v1alpha1", self.namespace, "servingruntimes", name, _request_timeout=TIMEOUT_S
                )
            except ApiException as error:
                if error.status == NOT_FOUND and name in str(error.body):
                    raise ServingError(
                        f"no ServingRuntime {name} in namespace {self.namespace}: `make serving` applies our manifests"
                    ) from error
                raise
        return found

    def deployment(self, name: str) -> Any:
        """Read a Deployment, None where there is none."""
        with self._explained(f"reading Deployment {name}"):
            try:
                return self._apps.read_namespaced_deployment(name, self.namespace, _request_timeout=TIMEOUT_S)
            except ApiException as error:
                if error.status == NOT_FOUND:
                    return None
                raise

    def pods(self, labels: dict[str, str]) -> list[Any]:
        """List the pods that carry all these labels."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        with self._explained("listing pods"):
            found = self._core.list_namespaced_pod(self.namespace, label_selector=selector, _request_timeout=TIMEOUT_S)
        return list(found.items)

    def pod(self, name: str) -> Any:
        """Read a pod."""
        with self._explained(f"reading pod {name}"):
            return self._core.read_namespaced_pod(name, self.namespace, _request_timeout=TIMEOUT_S)

    def has(self, kind: str, name: str) -> bool:
        """Whether there is an object of the core API, such as one of `secrets`."""
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
        """The newest thing that Kubernetes says of a pod, warnings first; empty where it says nothing."""
        with self._explained(f"reading the events of {pod}"):
            found = self._core.list_namespaced_event(
                self.namespace, field_selector=f"involvedObject.name={pod}", _request_timeout=TIMEOUT_S
            ).items
        newest = sorted(found, key=lambda event: (event.type == "Warning", str(event.last_timestamp)))
        return f"{newest[-1].reason}: {newest[-1].message}" if newest else ""

    def log(self, pod: str, container: str, previous: bool = True) -> str:
        """The end of what a container wrote, or wrote before it ended last; empty where the node no longer has it."""
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
        """Ask for or write an object of our kind; None where there is none."""
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
                # where the kind is not known the answer names no object
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


class _MountedAccount(InClusterConfigLoader):
    """An account whose token may end with a newline, as `echo … | base64` makes it: no header may hold one."""

    token: str

    def _read_token_file(self) -> None:
        super()._read_token_file()
        self.token = self.token.strip()


class ConflictError(ServingError):
    """Somebody else wrote the object meanwhile."""


def _reason(error: ApiException) -> str:
    """What the server says, in one line."""
    try:
        return " ".join(json.loads(error.body)["message"].split())
    except (TypeError, ValueError, KeyError):
        return " ".join(str(error.body or error.reason).split())
