"""Requests of submit and the deploy step to the real API server in KUBECONFIG; needs no nodes and no KFP."""

import base64
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from asl_pkg import contract
from asl_pkg.config.schema import KfpSettings, PipelineSettings
from asl_pkg.errors import ServingError
from asl_pkg.k8s import pending_pods
from asl_pkg.k8s.client import Cluster
from asl_pkg.orchestration import preflight
from asl_pkg.orchestration.failed_step import RUN_LABEL

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif("KUBECONFIG" not in os.environ, reason="no API server: set KUBECONFIG"),
]

RUN = "e2e-run"
OBJECTS = f"""apiVersion: v1
kind: Secret
metadata: {{name: {contract.S3_SECRET}}}
---
apiVersion: v1
kind: Pod
metadata:
  name: waits
  labels: {{{RUN_LABEL}: {RUN}}}
  annotations: {{{pending_pods.NODE_ANNOTATION}: asl-x.root.steps.train.executor}}
spec:
  serviceAccountName: robot
  automountServiceAccountToken: false
  nodeSelector: {{no-node: has-this}}
  containers: [{{name: main, image: nowhere/none}}]
---
apiVersion: v1
kind: Event
metadata: {{name: why}}
involvedObject: {{kind: Pod, name: waits}}
type: Warning
reason: FailedScheduling
message: no node has this
"""


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    command = ["kubectl", *arguments]
    return subprocess.run(command, input=stdin, check=True, text=True, stdout=subprocess.PIPE, timeout=60).stdout


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"asl-e2e-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    kubectl("-n", name, "create", "serviceaccount", "robot")
    kubectl("-n", name, "create", "-f", "-", stdin=OBJECTS.replace("name: waits}", f"name: waits, namespace: {name}}}"))
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def test_secrets_and_accounts_that_are_missing_are_named(namespace: str) -> None:
    settings = PipelineSettings(store="models", kfp=KfpSettings(namespace=namespace, service_account="robot"))
    assert preflight.missing_requirements(settings, []) == [
        f"Secret {contract.DEPLOYER_TOKEN} in namespace {namespace} (`make serving` creates it)"
    ]
    settings.kfp.service_account = "nobody"
    assert preflight.missing_requirements(settings, [])[0].startswith(f"ServiceAccount nobody in namespace {namespace}")


def test_a_pod_that_waits_is_told_of_with_what_kubernetes_says_of_it(
    namespace: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_pods, "PENDING_S", 0)
    told: set[str] = set()
    for _ in range(2):
        pending_pods.report_pending_pods(Cluster(namespace), {RUN_LABEL: RUN}, told)
    assert capsys.readouterr().err == (
        "train: its pod waits has been pending for 0 s: FailedScheduling: no node has this\n"
    )


@pytest.mark.parametrize("ending", ["", "\n"])
def test_a_step_that_has_the_deployers_token_speaks_as_the_deployer(
    namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json"))["clusters"][0]["cluster"]
    (tmp_path / "token").write_text(kubectl("-n", namespace, "create", "token", "robot").strip() + ending)
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(config["certificate-authority-data"]))
    server = urlsplit(config["server"])
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(server.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setattr(contract, "DEPLOYER_FOLDER", str(tmp_path))
    with pytest.raises(ServingError, match=f"system:serviceaccount:{namespace}:robot.* cannot get"):
        Cluster(namespace).has("secrets", contract.S3_SECRET)
