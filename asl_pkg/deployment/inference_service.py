"""The InferenceService that serves a release, and what it records about the release."""

from typing import Any

from asl_pkg import contract
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.deployment.transformer_spec import transformer_spec
from asl_pkg.errors import ServingError
from asl_pkg.k8s.client import API_VERSION

AUTOSCALER = "serving.kserve.io/autoscalerClass"


def inference_service(
    name: str, namespace: str, uri: str, serving: Serving, transformer_image: str = ""
) -> dict[str, Any]:
    """Give the complete InferenceService of a release.

    Args:
        name: Name of the InferenceService.
        namespace: Namespace of the InferenceService.
        uri: Address of the release in the store.
        serving: The release.
        transformer_image: Container image of the transformer; empty for none.

    Returns:
        The object. Scale and resources are set in manifests/, by the HPA and the ServingRuntime.
    """
    # On the predictor: as labels and annotations of the whole object they would restart the transformer on each deploy.
    annotations = {
        contract.BUNDLE_DIGEST_ANNOTATION: serving.bundle_digest,
        contract.REPORT_DIGEST_ANNOTATION: serving.report_digest,
    }
    if serving.previous:
        annotations[contract.PREVIOUS_ANNOTATION] = serving.previous
    model = {
        "modelFormat": {"name": contract.MODEL_FORMAT},
        "runtime": contract.SERVING_RUNTIME,
        "protocolVersion": "v2",
        "storageUri": uri,
        "env": [{"name": contract.BUNDLE_DIGEST_VARIABLE, "value": serving.bundle_digest}],
    }
    predictor = {
        "labels": {contract.RELEASE_LABEL: serving.release},
        "annotations": annotations,
        "serviceAccountName": contract.PREDICTOR_ACCOUNT,
        "storageContainerName": contract.STORAGE_CONTAINER,
        "model": model,
    }
    transformer = {"transformer": transformer_spec(transformer_image, namespace, name)} if transformer_image else {}
    return _object(name, namespace, {"predictor": predictor, **transformer})


def with_canary(stable: dict[str, Any], canary: dict[str, Any], replicas: int, percent: int) -> dict[str, Any]:
    """Give an InferenceService that serves a release and, with as many pods, another release as its canary.

    Args:
        stable: InferenceService of the serving release.
        canary: InferenceService of the canary's release.
        replicas: Number of pods of each.
        percent: Percentage of requests for the canary; KServe requires it, and ignores it in this deployment mode.

    Returns:
        The object. The headless Service lists the pods of both, so each gets half of the new connections.
    """
    predictor = canary["spec"]["predictor"]
    predictor |= {
        "name": contract.CANARY_NAME,
        "minReplicas": replicas,
        # otherwise KServe does not set the number of pods
        "annotations": predictor["annotations"] | {AUTOSCALER: "none"},
    }
    spec = {
        "predictor": stable["spec"]["predictor"] | {"minReplicas": replicas},
        "canary": [{"predictor": predictor, "trafficPercent": percent}],
    }
    return stable | {"spec": stable["spec"] | spec}


def serving_of(live: dict[str, Any]) -> Serving:
    """Read the release that an InferenceService serves.

    Args:
        live: The object.

    Returns:
        The serving release.

    Raises:
        ServingError: The object was not written by deploy.
    """
    predictor = live["spec"]["predictor"]
    annotations = predictor.get("annotations", {})
    try:
        return Serving(
            predictor["labels"][contract.RELEASE_LABEL],
            annotations[contract.BUNDLE_DIGEST_ANNOTATION],
            annotations[contract.REPORT_DIGEST_ANNOTATION],
            annotations.get(contract.PREVIOUS_ANNOTATION),
        )
    except KeyError as error:
        name = live["metadata"]["name"]
        raise ServingError(
            f"InferenceService {name} has no {error}, so `asl deploy` did not write it: delete it first"
        ) from error


def as_it_was(live: dict[str, Any]) -> dict[str, Any]:
    """Give the object to apply to restore an InferenceService.

    Args:
        live: The object as the server returned it.

    Returns:
        The object without the server's own fields.
    """
    return _object(live["metadata"]["name"], live["metadata"]["namespace"], live["spec"])


def _object(name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    annotations = {"serving.kserve.io/deploymentMode": "Standard", AUTOSCALER: "external"}
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    return {"apiVersion": API_VERSION, "kind": "InferenceService", "metadata": metadata, "spec": spec}
