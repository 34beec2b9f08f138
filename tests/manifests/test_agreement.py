"""Manifests, contract.py, config.pbtxt and the local Triton agree."""

import re
from typing import Any

import pytest
import yaml
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from asl_pkg import contract
from asl_pkg.deployment import http_route
from asl_pkg.deployment.transformer_spec import transformer_spec
from asl_pkg.k8s import rollout
from asl_pkg.serving.triton import command
from pipelines import pods
from tests.conftest import PROJECT
from tests.manifests.rendering import MANIFESTS, named, needs_kubectl, render

pytestmark = needs_kubectl


@pytest.fixture(scope="module")
def base() -> list[dict[str, Any]]:
    return render(MANIFESTS / "base")


@pytest.fixture(scope="module")
def triton(base: list[dict[str, Any]]) -> dict[str, Any]:
    """Triton's container."""
    (container,) = named(base, "ServingRuntime", contract.SERVING_RUNTIME)["spec"]["containers"]
    return container


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Namespace", contract.NAMESPACE),
        ("ServingRuntime", contract.SERVING_RUNTIME),
        ("ClusterStorageContainer", contract.STORAGE_CONTAINER),
        ("Service", contract.GRPC_SERVICE),
        ("ServiceAccount", contract.PREDICTOR_ACCOUNT),
        ("ServiceAccount", contract.TRANSFORMER_ACCOUNT),
        ("ServiceAccount", contract.PIPELINE_ACCOUNT),
        ("ServiceAccount", contract.DEPLOYER_ACCOUNT),
        ("ConfigMap", contract.VERIFY_CONFIG_MAP),
    ],
)
def test_what_the_code_names_is_there(base: list[dict[str, Any]], kind: str, name: str) -> None:
    assert named(base, kind, name)


def test_everything_is_in_our_namespace_or_in_none(base: list[dict[str, Any]]) -> None:
    outside = {item["kind"] for item in base if item["metadata"].get("namespace") != contract.NAMESPACE}
    assert outside == {"Namespace", "ClusterStorageContainer"}


def test_no_manifest_holds_what_deploy_writes_or_a_secret(base: list[dict[str, Any]]) -> None:
    assert not {"InferenceService", "Secret"} & {item["kind"] for item in base}


def test_triton_gets_the_model_and_the_ports_of_the_contract(triton: dict[str, Any]) -> None:
    ports = {port["name"]: port["containerPort"] for port in triton["ports"]}
    assert ports == {
        "http": contract.POD_HTTP_PORT,
        "grpc": contract.POD_GRPC_PORT,
        "metrics": contract.POD_METRICS_PORT,
    }
    for kind, port in ports.items():
        assert f"--{kind}-port={port}" in triton["args"]
    assert f"--model-repository=/mnt/models/{contract.REPOSITORY_FOLDER}" in triton["args"]
    assert f"--load-model={contract.MODEL_NAME}" in triton["args"]
    assert f"--id={contract.MODEL_NAME}@{{release}}" in triton["args"]
    for probe in ("startupProbe", "readinessProbe"):
        assert triton[probe]["httpGet"]["path"] == f"/v2/models/{contract.MODEL_NAME}/ready"


def test_the_same_interfaces_are_closed_as_on_one_machine(triton: dict[str, Any]) -> None:
    for option in ("--http-restricted-api", "--grpc-restricted-protocol"):
        (found,) = [argument for argument in triton["args"] if argument.startswith(option)]
        assert found == f"{option}={command.CLOSED_APIS}:asl-admin=$(POD_UID)\n"


def test_the_copies_of_the_model_compute_with_as_many_threads_as_the_pod_may_use(triton: dict[str, Any]) -> None:
    text = (PROJECT / "triton_models" / contract.MODEL_NAME / "config.pbtxt").read_text()
    config = text_format.Parse(text, model_config_pb2.ModelConfig())
    threads = config.instance_group[0].count * int(config.parameters["intra_op_thread_count"].string_value)
    assert threads == int(triton["resources"]["limits"]["cpu"])


def test_the_headless_service_leads_to_the_predictors_that_serve(base: list[dict[str, Any]]) -> None:
    spec = named(base, "Service", contract.GRPC_SERVICE)["spec"]
    assert spec["clusterIP"] == "None"
    assert [port["port"] for port in spec["ports"]] == [contract.POD_GRPC_PORT]
    assert spec["selector"] == {
        "serving.kserve.io/inferenceservice": contract.KUBERNETES_NAME,
        "component": "predictor",
    }


def test_only_the_deployer_has_rights_and_only_on_objects_by_name(base: list[dict[str, Any]]) -> None:
    subjects = [
        subject["name"] for binding in base if binding["kind"] == "RoleBinding" for subject in binding["subjects"]
    ]
    assert subjects == [contract.DEPLOYER_ACCOUNT, "asl-token-renewal"]
    rules = named(base, "Role", contract.DEPLOYER_ACCOUNT)["rules"]
    writing = [rule for rule in rules if set(rule["verbs"]) - {"get", "list", "watch"}]
    assert [(rule["apiGroups"], rule["resources"], rule["resourceNames"]) for rule in writing] == [
        (["serving.kserve.io"], ["inferenceservices"], [contract.KUBERNETES_NAME, contract.CANDIDATE_NAME]),
        (["gateway.networking.k8s.io"], ["httproutes"], [contract.HTTP_ROUTE]),
    ]


def test_the_account_that_renews_the_deployers_token_can_do_that_alone(base: list[dict[str, Any]]) -> None:
    rules = named(base, "Role", "asl-token-renewal")["rules"]
    assert [(rule["resources"], rule["resourceNames"], rule["verbs"]) for rule in rules] == [
        (["serviceaccounts/token"], [contract.DEPLOYER_ACCOUNT], ["create"]),
        (["secrets"], [contract.DEPLOYER_TOKEN], ["patch"]),
    ]


def gateway() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((MANIFESTS / "components/gateway/gateway.yaml").read_text()))


def test_through_the_gateway_the_page_and_what_its_script_asks_reach_the_transformer() -> None:
    (page,) = named(gateway(), "HTTPRoute", "asl-page")["spec"]["rules"]
    (model,) = named(gateway(), "HTTPRoute", contract.HTTP_ROUTE)["spec"]["rules"]
    assert page["backendRefs"] == [{"name": f"{contract.KUBERNETES_NAME}-transformer", "port": 80}]
    free = [match["path"] for match in page["matches"] if "headers" not in match]
    marked = [match["path"] for match in page["matches"] if "headers" in match]
    assert free == [{"type": "Exact", "value": "/"}, {"type": "PathPrefix", "value": "/page"}]
    # of equally long paths the one with more headers wins
    assert marked == [match["path"] for match in model["matches"]]


def test_a_canary_gets_its_share_of_the_gateways_requests_and_none_afterwards() -> None:
    route = named(gateway(), "HTTPRoute", contract.HTTP_ROUTE)
    before = http_route.weighted_rules(route["spec"]["rules"], contract.KUBERNETES_NAME, 0)
    (rule,) = http_route.weighted_rules(before, contract.KUBERNETES_NAME, 10)
    shares = {backend["name"]: (backend["port"], backend["weight"]) for backend in rule["backendRefs"]}
    stable, canary = (
        rollout.predictor_workload(contract.KUBERNETES_NAME, "", name).deployment for name in ("", "canary")
    )
    assert shares == {stable: (80, 90), canary: (80, 10)}, "their Services are named as their Deployments"
    assert http_route.weighted_rules([rule], contract.KUBERNETES_NAME, 0) == before


def test_the_predictor_takes_its_keys_from_the_secret_by_name(base: list[dict[str, Any]]) -> None:
    account = named(base, "ServiceAccount", contract.PREDICTOR_ACCOUNT)
    assert account["secrets"] == [{"name": contract.S3_SECRET}]


def test_production_runs_the_release_of_triton_that_exports_are_made_for() -> None:
    objects = render(MANIFESTS / "overlays/production")
    (container,) = named(objects, "ServingRuntime", contract.SERVING_RUNTIME)["spec"]["containers"]
    assert container["image"] == f"nvcr.io/nvidia/tritonserver:{contract.TRITON_RELEASE}-py3"


@pytest.mark.parametrize(("overlay", "demanded"), [("production", "required"), ("kind", None)])
def test_production_alone_demands_signatures(overlay: str, demanded: str | None) -> None:
    runtime = named(render(MANIFESTS / "overlays" / overlay), "ServingRuntime", contract.SERVING_RUNTIME)
    assert runtime["metadata"].get("annotations", {}).get(contract.SIGNATURE_ANNOTATION) == demanded


def test_the_platforms_targets_name_folders_that_are_there() -> None:
    folders = re.findall(r"\$\(INSTALL\) (\S+)", (MANIFESTS / "platform.mk").read_text())
    assert folders
    assert not [folder for folder in folders if not (MANIFESTS / folder / "kustomization.yaml").is_file()]


def test_kinds_overlay_serves_the_image_that_is_pushed_to_its_registry() -> None:
    (registry,) = re.findall(
        r"^images-kind:.*\n.*--push (\S+)", (MANIFESTS.parent / "Makefile").read_text(), re.MULTILINE
    )
    assert registry == contract.KIND_REGISTRY
    (container,) = named(render(MANIFESTS / "overlays/kind"), "ServingRuntime", contract.SERVING_RUNTIME)["spec"][
        "containers"
    ]
    assert container["image"] == f"{registry}/{contract.TRITON_IMAGE}:{contract.IMAGE_VERSION}"


# Millicores requested on kind, as `kubectl describe node` says: Kubernetes 950, Kubeflow Pipelines 704, KServe 100.
OTHERS_CPU, NODE_CPU = 1754, 2000


def test_a_run_on_kind_deploys_beside_the_whole_platform_on_a_node_of_two_cores() -> None:
    kind = render(MANIFESTS / "overlays/kind")
    (triton,) = named(kind, "ServingRuntime", contract.SERVING_RUNTIME)["spec"]["containers"]
    download = named(kind, "ClusterStorageContainer", contract.STORAGE_CONTAINER)["spec"]["container"]
    predictor = max(millicores(container["resources"]["requests"]["cpu"]) for container in (triton, download))
    rollout_and_candidate = 3 * predictor
    workloads = [
        item for item in render(MANIFESTS / "third-party/mlflow") if item["kind"] in ("Deployment", "StatefulSet")
    ]
    mlflow = sum(
        millicores(item["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"])
        for item in workloads
    )
    (transformer,) = transformer_spec("", "")["containers"]
    page = millicores(transformer["resources"]["requests"]["cpu"])
    assert OTHERS_CPU + mlflow + rollout_and_candidate + page + millicores(pods.CPU_REQUEST) <= NODE_CPU


def millicores(quantity: str) -> int:
    """Of a Kubernetes quantity of CPU."""
    return int(quantity[:-1]) if quantity.endswith("m") else 1000 * int(quantity)
