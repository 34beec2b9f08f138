"""The transformer in the InferenceService fits manifests/base and its container image."""

from typing import Any

import pytest

from asl_pkg import contract
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.deployment.inference_service import inference_service
from asl_pkg.deployment.transformer_spec import transformer_spec
from tests.conftest import PROJECT
from tests.manifests.rendering import MANIFESTS, named, needs_kubectl, render


@pytest.fixture(scope="module")
def container() -> dict[str, Any]:
    (container,) = transformer_spec("registry/asl-transformer:1", "letters")["containers"]
    return container


@needs_kubectl
def test_it_finds_the_predictors_through_the_headless_service(container: dict[str, Any]) -> None:
    service = named(render(MANIFESTS / "base"), "Service", contract.GRPC_SERVICE)
    (port,) = service["spec"]["ports"]
    assert service["spec"]["clusterIP"] == "None"
    arguments = dict(zip(container["args"][::2], container["args"][1::2], strict=True))
    assert arguments["--predictor_host"] == f"{service['metadata']['name']}.letters:{port['port']}"
    assert arguments["--model_name"] == contract.MODEL_NAME


def test_under_another_name_it_finds_the_predictors_of_that_name() -> None:
    serving = Serving("0" * contract.RELEASE_DIGITS, "a" * 64, "b" * 64, None)
    made = inference_service("hands", "letters", "s3://models/asl-model/0/", serving, "registry/asl-transformer:1")
    (container,) = made["spec"]["transformer"]["containers"]
    assert made["metadata"]["name"] == "hands"
    assert f"hands{contract.GRPC_SUFFIX}.letters:{contract.POD_GRPC_PORT}" in container["args"]


def test_it_is_what_pod_security_restricted_asks_for(container: dict[str, Any]) -> None:
    context = container["securityContext"]
    assert context["runAsNonRoot"]
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_its_image_has_the_same_user_and_ports(container: dict[str, Any]) -> None:
    dockerfile = (PROJECT / "images/transformer/Dockerfile").read_text()
    user = container["securityContext"]["runAsUser"]
    assert f"\nUSER {user}:{user}\n" in dockerfile
    assert f"\nEXPOSE {' '.join(str(port['containerPort']) for port in container['ports'])}\n" in dockerfile
