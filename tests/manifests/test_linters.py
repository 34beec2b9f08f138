"""The linters kube-score and Checkov, if they are installed; every exception has a reason.

Neither knows KServe: so they see, beside our objects, the Deployment that KServe makes of the ServingRuntime.
"""

import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from asl_pkg import contract
from tests.manifests.rendering import COMPONENTS, MANIFESTS, OVERLAYS, combine, named, needs_kubectl, render

pytestmark = needs_kubectl

# By rule and object; `*` stands for every object.
EXCEPTIONS = {
    # kube-score
    ("container-image-pull-policy", "*"): "tags are never moved, so a node need not ask for an image it has",
    ("networkpolicy-targets-pod", "asl/transformer-to-predictor"): "of the transformer, which KServe makes",
    ("horizontalpodautoscaler-has-target", "asl/asl-transformer"): "of the transformer, which KServe makes",
    ("service-type", "asl/asl-model-node-port"): "kind maps node ports to the user's machine",
    ("service-type", "asl/asl-page-node-port"): "kind maps node ports to the user's machine",
    ("deployment-strategy", "mlflow/mlflow"): "two servers must not change the tables of the database at once",
    ("service-type", "mlflow/mlflow"): "kind maps node ports to the user's machine",
    ("deployment-replicas", "asl/asl-model-predictor"): "the component autoscaling lets KEDA count the pods",
    ("deployment-replicas", "mlflow/mlflow"): "one server: its work is small, its state is in the database",
    ("container-security-context-user-group-id", "mlflow/mlflow-database"): "999 owns the files in PostgreSQL's image",
    ("pod-networkpolicy", "mlflow/mlflow"): "its egress is not limited: the store is wherever asl-settings says",
    # Checkov
    ("CKV_K8S_15", "*"): "tags are never moved, so a node need not ask for an image it has",
    ("CKV_K8S_43", "*"): "an overlay pins tags; digests are what a release process adds in its `images:` block",
    ("CKV_K8S_29", "asl.asl-model-predictor"): "a ServingRuntime has no context of the pod: each container has its own",
    ("CKV_K8S_35", "*"): "PostgreSQL and boto3 read their keys from variables",
    ("CKV_K8S_40", "mlflow.mlflow-database"): "999 owns the files in PostgreSQL's image",
}


def as_kserve_makes_it(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The Deployment of the predictor: KServe's own fields, our containers, the downloader first."""
    spec = copy.deepcopy(named(objects, "ServingRuntime", contract.SERVING_RUNTIME)["spec"])
    name = f"{contract.KUBERNETES_NAME}-predictor"
    labels = {
        "app": f"isvc.{name}",
        "component": "predictor",
        "serving.kserve.io/inferenceservice": contract.KUBERNETES_NAME,
        **spec["labels"],
    }
    pod = {
        "serviceAccountName": contract.PREDICTOR_ACCOUNT,
        "automountServiceAccountToken": False,
        "initContainers": [named(objects, "ClusterStorageContainer", contract.STORAGE_CONTAINER)["spec"]["container"]],
        "affinity": spec["affinity"],
        "containers": spec["containers"],
        "volumes": spec["volumes"],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": contract.NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"app": labels["app"]}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def unexplained(found: set[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(finding for finding in found if not {finding, (finding[0], "*")} & EXCEPTIONS.keys())


@pytest.fixture(params=[*OVERLAYS, "all components", "mlflow"])
def rendered(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of objects that the linters read."""
    if request.param == "mlflow":
        objects = render(MANIFESTS / "third-party/mlflow")
    else:
        components = COMPONENTS if request.param == "all components" else []
        overlay = request.param if request.param in OVERLAYS else "production"
        objects = render(combine(tmp_path, overlay, components))
        objects.append(as_kserve_makes_it(objects))
    path = tmp_path / "objects.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    return path


@pytest.mark.skipif(not shutil.which("kube-score"), reason="kube-score is not installed")
def test_kube_score_finds_nothing_that_is_not_explained(rendered: Path) -> None:
    done = subprocess.run(
        ["kube-score", "score", "--output-format=json", str(rendered)], capture_output=True, text=True, timeout=60
    )
    scored = json.loads(done.stdout)
    assert scored
    found = {
        (check["check"]["id"], f"{item['object_meta'].get('namespace', '')}/{item['object_meta']['name']}")
        for item in scored
        for check in item["checks"]
        if not check["skipped"] and check["grade"] < 10
    }
    assert not unexplained(found)


@pytest.mark.skipif(not shutil.which("checkov"), reason="Checkov is not installed")
def test_checkov_finds_nothing_that_is_not_explained(rendered: Path) -> None:
    command = [
        "checkov",
        "--framework=kubernetes",
        "--file",
        str(rendered),
        "--output=json",
        "--quiet",
        "--skip-download",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 0
    found = {
        (check["check_id"], check["resource"].partition(".")[2]) for check in report["results"].get("failed_checks", [])
    }
    assert not unexplained(found)
