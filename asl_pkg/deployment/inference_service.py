"""The InferenceService that serves a release: all of it, and what it says about the release."""

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
        name: its name.
        namespace: where it serves.
        uri: where the release lies.
        serving: the release.
        transformer_image: of the transformer; empty for none.

    Returns:
        The object. Scale and resources are not here: the HPA and the ServingRuntime in manifests/ have them.
    """
    # At the predictor: labels and annotations of the whole object would let every release restart the transformer too.
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
    """Give an InferenceService that serves one release and, with as many pods, another one as its canary.

    Args:
        stable: InferenceService of what serves.
        canary: InferenceService of the other release.
        replicas: pods that serve.
        percent: of the users' requests, which KServe demands to be said and does not act on where pods are counted.

    Returns:
        The object. The headless Service names the pods of both, so that half of the new connections arrive there.
    """
    predictor = canary["spec"]["predictor"]
    predictor |= {
        "name": contract.CANARY_NAME,
        "minReplicas": replicas,
        # else KServe leaves the number of pods alone
        "annotations": predictor["annotations"] | {AUTOSCALER: "none"},
    }
    spec = {
        "predictor": stable["spec"]["predictor"] | {"minReplicas": replicas},
        "canary": [{"predictor": predictor, "trafficPercent": percent}],
    }
    return stable | {"spec": stable["spec"] | spec}


def serving_of(live: dict[str, Any]) -> Serving:
    """Read which release an InferenceService serves.

    Args:
        live: the object.

    Returns:
        What serves.

    Raises:
        ServingError: it was not deploy that wrote it.
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
            f"InferenceService {name} does not say {error}, so not `asl deploy` wrote it: delete it first"
        ) from error


def as_it_was(live: dict[str, Any]) -> dict[str, Any]:
    """Give what to apply so that an InferenceService becomes again what it was.

    Args:
        live: the object as the server gave it.

    Returns:
        The object without what the server keeps itself.
    """
    return _object(live["metadata"]["name"], live["metadata"]["namespace"], live["spec"])


def _object(name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    annotations = {"serving.kserve.io/deploymentMode": "Standard", AUTOSCALER: "external"}
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    return {"apiVersion": API_VERSION, "kind": "InferenceService", "metadata": metadata, "spec": spec}
