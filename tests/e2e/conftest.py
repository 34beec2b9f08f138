"""A new namespace with our manifests on the cluster in KUBECONFIG, and a new prefix in S3.

Needed: KServe on the cluster; AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of an S3 server that both
this machine and the cluster reach by that address, and ASL_E2E_BUCKET there (default: models).
"""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import Store, open_store
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from tests.support.exported import Exported

TRITON_IMAGE = os.environ.get("ASL_E2E_TRITON_IMAGE", "nvcr.io/nvidia/tritonserver:24.10-py3")
TRANSFORMER_IMAGE = os.environ.get(
    "ASL_E2E_TRANSFORMER_IMAGE", f"localhost:5001/asl-transformer:{contract.IMAGE_VERSION}"
)
VARIABLES = ("KUBECONFIG", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# A tiny data set, and thresholds that a network passes which hardly learnt from it.
HANDS = ["data.train_signers=4", "data.validation_signers=2", "data.test_signers=3"]
LENIENT = ["accuracy_min=0", "macro_f1_min=0", "recall_min=0", "worst_group_min=0", "stability_min=0"]
LENIENT += ["empty_scenes_min=0", "calibration_error_max=1", "unsure_max=1", "noise_max=1", "champion_loss_max=1"]
LENIENT += ["latency_max=1000", "resamples=100"]

Kubectl = Callable[..., str]


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """kubectl as people type it; what it wrote."""
    for name in VARIABLES:
        assert os.environ.get(name), f"{name} is not set: tests/e2e/conftest.py says what these tests need"

    def run(*arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="module")
def namespace(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The overlay of one machine under another name, and the Secret that it asks for."""
    name = f"asl-e2e-{uuid.uuid4().hex[:6]}"
    folder = tmp_path_factory.mktemp("overlay")
    image, _, tag = TRITON_IMAGE.rpartition(":")
    (folder / "kustomization.yaml").write_text(
        f"""apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {name}
resources: [{os.path.relpath(PROJECT / "manifests" / "overlays" / "kind", folder)}]
images: [{{name: localhost:5001/{contract.TRITON_IMAGE}, newName: {image}, newTag: {tag}}}]
"""
    )
    kubectl("apply", "--server-side", "-f", "-", stdin=kubectl("kustomize", str(folder)))
    kubectl("apply", "-f", "-", stdin=secret(name))
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def secret(namespace: str) -> str:
    """The key to the store, with what KServe wants to know about the server."""
    server = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    return f"""apiVersion: v1
kind: Secret
metadata:
  name: {contract.S3_SECRET}
  namespace: {namespace}
  annotations:
    serving.kserve.io/s3-endpoint: {server.netloc}
    serving.kserve.io/s3-usehttps: "{int(server.scheme == "https")}"
    serving.kserve.io/s3-region: {os.environ.get("AWS_REGION", "us-east-1")}
stringData:
  AWS_ACCESS_KEY_ID: {os.environ["AWS_ACCESS_KEY_ID"]}
  AWS_SECRET_ACCESS_KEY: {os.environ["AWS_SECRET_ACCESS_KEY"]}
"""


@pytest.fixture(scope="module")
def store() -> str:
    """An empty model store."""
    return f"s3://{os.environ.get('ASL_E2E_BUCKET', 'models')}/e2e-{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def releases(exported: "Exported", tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Two that answer the same."""
    from tests.support.exported import sibling  # with torch, which most of these tests do not need

    other = sibling(exported.bundle, tmp_path_factory.mktemp("other") / "bundle", threads=2)
    return [open_bundle(exported.bundle), open_bundle(other)]


@pytest.fixture(scope="module")
def stored(store: str, releases: list[Bundle], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store with both releases; the gates are not what is looked at here."""
    report = tmp_path_factory.mktemp("report")
    (report / contract.REPORT_FILE).write_text("{}")
    found = open_store(store)
    for bundle in releases:
        found.put(bundle.release, bundle.folder, report)
    return found


def serving(bundle: Bundle) -> Serving:
    """What serves once a bundle does that no report let pass."""
    return Serving(bundle.release, bundle.digest, "0" * 64, None)


@pytest.fixture(scope="session", autouse=True)
def working_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of its own, so that MLflow's embedded store is not the user's."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder
