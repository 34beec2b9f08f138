"""The transformer in the InferenceService that deploy writes."""

from typing import Any

from asl_pkg import contract


def transformer_spec(image: str, namespace: str, name: str = contract.KUBERNETES_NAME) -> dict[str, Any]:
    """Give `spec.transformer` of the InferenceService.

    Args:
        image: Container image, built from images/transformer.
        namespace: Namespace of the InferenceService.
        name: Name of the InferenceService.

    Returns:
        The specification. Pods prefer different nodes; the HPA in manifests/base sets their number; each finds every
        predictor pod through the headless Service.
    """
    arguments = {
        "--model_name": contract.MODEL_NAME,
        "--predictor_host": f"{name}{contract.GRPC_SUFFIX}.{namespace}:{contract.POD_GRPC_PORT}",
    }
    container = {
        "name": "kserve-container",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [word for pair in arguments.items() for word in pair],
        "ports": [
            {"name": "http", "containerPort": contract.POD_HTTP_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": contract.POD_GRPC_PORT, "protocol": "TCP"},
        ],
        "startupProbe": {
            "httpGet": {"path": "/v2/health/live", "port": "http"},
            "failureThreshold": 300,
            "periodSeconds": 1,
        },
        "readinessProbe": {
            "httpGet": {"path": "/v2/health/ready", "port": "http"},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
        },
        "livenessProbe": {
            "httpGet": {"path": "/v2/health/live", "port": "http"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
        },
        # on SIGTERM it closes its ports at once, while Services still route here for a moment
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
        "resources": {
            "requests": {"cpu": "20m", "memory": "300Mi", "ephemeral-storage": "50Mi"},
            "limits": {"cpu": "2", "memory": "1536Mi", "ephemeral-storage": "200Mi"},
        },
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a volume of its own
    }
    spread = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"serving.kserve.io/inferenceservice": name, "component": "transformer"}},
    }
    preferred = {"weight": 100, "podAffinityTerm": spread}
    return {
        "serviceAccountName": contract.TRANSFORMER_ACCOUNT,
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [preferred]}},
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "100Mi"}}],
    }
