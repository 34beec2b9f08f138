"""The manifests on a real cluster, in the order of a service's life: each test builds on the previous one."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.bundle.store import open_store
from asl_pkg.bundle.triton_config import config_pbtxt
from asl_pkg.config.schema import ExportSettings
from asl_pkg.deployment.inference_service import inference_service
from asl_pkg.inference.v2_client import Client
from asl_pkg.storage.s3 import s3_client, split_url
from tests.conftest import PROJECT
from tests.e2e.conftest import Kubectl, serving
from tests.support.tiny import make_bundle

pytestmark = pytest.mark.e2e

WAIT_S = 180
PREDICTOR = f"deployment/{contract.KUBERNETES_NAME}-predictor"
CONTAINER = "kserve-container"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Two releases, which differ in their threshold."""
    configs = [config_pbtxt(ExportSettings(confidence_threshold=value)) for value in (0.4, 0.5)]
    return [make_bundle(tmp_path_factory.mktemp("bundle") / "bundle", config) for config in configs]


@pytest.fixture(scope="module")
def serve(kubectl: Kubectl, namespace: str, store: str, bundles: list[Bundle]) -> Callable[[Bundle], None]:
    """Upload a bundle and have it served, as `asl deploy` writes it."""

    def run(bundle: Bundle) -> None:
        releases = open_store(store)
        releases.put(bundle.release, bundle.folder, bundle.folder / "extras")
        uri = releases.uri(bundle.release)
        manifest = inference_service(contract.KUBERNETES_NAME, namespace, uri, serving(bundle))
        options = ["--server-side", "--force-conflicts", f"--field-manager={contract.FIELD_MANAGER}"]
        apply(kubectl, yaml.safe_dump(manifest), *options)

    return run


@pytest.fixture(scope="module")
def url(kubectl: Kubectl, namespace: str) -> Iterator[Callable[[], str]]:
    """A forwarded port to the pod that serves; forwarded anew each time, since a forwarding stays with its pod."""
    running: list[subprocess.Popen[str]] = []

    def forward() -> str:
        command = ["kubectl", "-n", namespace, "port-forward", f"service/{contract.KUBERNETES_NAME}-predictor", ":80"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout
        found = re.search(r"127\.0\.0\.1:\d+", process.stdout.readline())
        assert found, "the port was not forwarded"
        return f"http://{found[0]}"

    yield forward
    for process in running:
        process.terminate()
        process.wait()


def apply(kubectl: Kubectl, manifests: str, *options: str) -> None:
    """Apply; again where KServe's webhook is away for a moment, as while its controller starts anew."""

    def taken() -> bool:
        try:
            kubectl("apply", *options, "-f", "-", stdin=manifests)
        except AssertionError as error:
            if "failed calling webhook" not in str(error):
                raise
            return False
        return True

    until("the objects are applied", taken)


def until(what: str, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_S} s: {what}"
        time.sleep(1)


def release_behind(url: str) -> str:
    client = Client(url)
    try:
        return client.release
    finally:
        client.close()


def test_before_the_first_deploy_there_is_no_pod_and_nothing_waits_in_vain(kubectl: Kubectl, namespace: str) -> None:
    assert kubectl("-n", namespace, "get", "pods", "-o", "name") == ""


def test_a_release_serves_without_a_restart(
    kubectl: Kubectl, namespace: str, serve: Callable[[Bundle], None], bundles: list[Bundle], url: Callable[[], str]
) -> None:
    serve(bundles[0])
    until("the Deployment is there", lambda: PREDICTOR in kubectl("-n", namespace, "get", "deployments", "-o", "name")
          .replace(".apps", ""))  # fmt: skip
    kubectl("-n", namespace, "rollout", "status", PREDICTOR, f"--timeout={WAIT_S}s")
    assert release_behind(url()) == bundles[0].release
    restarts = "jsonpath={.items[*].status.containerStatuses[*].restartCount}"
    assert kubectl("-n", namespace, "get", "pods", "-o", restarts) == "0"


def test_the_log_tells_the_release_before_triton_speaks(
    kubectl: Kubectl, namespace: str, bundles: list[Bundle]
) -> None:
    log = kubectl("-n", namespace, "logs", PREDICTOR, "-c", CONTAINER)
    assert log.startswith(f"asl: release {bundles[0].release}, 3 files as validated\n")


@pytest.mark.parametrize(
    "path", ["repository/index", "cudasharedmemory/status", "trace/setting", "logging"], ids=lambda one: one
)
def test_the_closed_interfaces_are_closed(url: Callable[[], str], path: str) -> None:
    import requests

    method = requests.post if path.startswith("repository") else requests.get
    for key in ("", "$(POD_UID)", "0"):
        answer = method(f"{url()}/v2/{path}", headers={"asl-admin": key}, timeout=10)
        assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("options", [[], ["--server-side", "--force-conflicts"]], ids=["client-side", "server-side"])
def test_applying_the_overlay_again_does_not_change_what_serves(
    kubectl: Kubectl, namespace: str, bundles: list[Bundle], url: Callable[[], str], tmp_path: Path, options: list[str]
) -> None:
    overlay = os.path.relpath(PROJECT / "manifests/overlays/kind", tmp_path)
    (tmp_path / "kustomization.yaml").write_text(f"namespace: {namespace}\nresources: [{overlay}]\n")
    before = pods(kubectl, namespace)
    image = "jsonpath={.spec.containers[0].image}"
    used = kubectl("-n", namespace, "get", "servingruntime", contract.SERVING_RUNTIME, "-o", image)
    rendered = kubectl("kustomize", str(tmp_path)).replace(f"localhost:5001/asl-triton:{contract.IMAGE_VERSION}", used)
    apply(kubectl, rendered, *options)
    time.sleep(5)
    assert pods(kubectl, namespace) == before
    assert release_behind(url()) == bundles[0].release


def pods(kubectl: Kubectl, namespace: str) -> set[str]:
    names = kubectl("-n", namespace, "get", "pods", "-l", "component=predictor", "-o", "name").split()
    return set(names)


def test_another_release_takes_over_and_no_request_is_lost(
    kubectl: Kubectl, namespace: str, serve: Callable[[Bundle], None], bundles: list[Bundle]
) -> None:
    """Asked from a pod, through the Service: a new connection for each request, tried again where it is refused."""
    address = f"http://{contract.KUBERNETES_NAME}-predictor.{namespace}/v2"
    # the policies know a new pod a moment after it starts: it counts from its first answer on
    script = f"""
import json, time, urllib.request

def ask():
    name = json.load(urllib.request.urlopen({address!r}, timeout=5))["name"]
    seen[name] = seen.get(name, 0) + 1

seen, refused, lost = {{}}, [], 0
while not seen:
    try:
        ask()
    except OSError:
        time.sleep(0.5)
start = time.time()
while time.time() < start + 60:
    for attempt in range(3):
        try:
            ask()
            break
        except OSError as error:
            refused.append(f"{{time.time() - start:.1f}} s: {{error}}")
            time.sleep(0.5)
    else:
        lost += 1
    time.sleep(0.1)
print(json.dumps([seen, refused, lost]), flush=True)
"""
    image = kubectl("-n", namespace, "get", "pods", "-o", "jsonpath={.items[0].spec.containers[0].image}")
    asker = pod("asker", namespace, image, script)
    kubectl("apply", "-f", "-", stdin=asker)
    kubectl("-n", namespace, "wait", "pod/asker", "--for=condition=Ready", "--timeout=60s")
    serve(bundles[1])
    kubectl("-n", namespace, "wait", "pod/asker", "--for=jsonpath={.status.phase}=Succeeded", f"--timeout={WAIT_S}s")
    seen, refused, lost = yaml.safe_load(kubectl("-n", namespace, "logs", "asker"))
    print(f"answers {seen}, refused at first {refused}, lost {lost}")
    assert set(seen) == {f"{contract.MODEL_NAME}@{bundle.release}" for bundle in bundles}
    assert lost == 0


def pod(name: str, namespace: str, image: str, script: str) -> str:
    """A pod that Pod Security lets in and that runs a Python script."""
    context = {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", script],
        "securityContext": context,
    }
    # the label is one that the policies let call Triton
    labels = {"component": "transformer"}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    spec = {"restartPolicy": "Never", "containers": [container]}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def test_a_byte_changed_in_the_store_is_refused_by_name_and_no_wrong_answer_is_given(
    kubectl: Kubectl, namespace: str, store: str, bundles: list[Bundle], url: Callable[[], str]
) -> None:
    client, (bucket, prefix) = s3_client(), split_url(store)
    key = f"{prefix}/{contract.KUBERNETES_NAME}/{bundles[1].release}/{contract.MODEL_FILE}"
    good = (bundles[1].folder / contract.MODEL_FILE).read_bytes()
    bad = bytearray(good)
    bad[len(bad) // 2] ^= 1
    client.put_object(Bucket=bucket, Key=key, Body=bytes(bad))
    kubectl("-n", namespace, "delete", "pod", "-l", "component=predictor", "--wait=true")
    line = f"is not what was validated, Triton does not start: changed {contract.MODEL_FILE}"

    def log() -> str:
        found = subprocess.run(
            ["kubectl", "-n", namespace, "logs", PREDICTOR, "-c", CONTAINER], capture_output=True, text=True
        )
        return found.stdout + found.stderr

    until("the log names the changed file", lambda: line in log())
    ready = "jsonpath={.status.readyReplicas}"
    assert kubectl("-n", namespace, "get", PREDICTOR, "-o", ready) in ("", "0")
    client.put_object(Bucket=bucket, Key=key, Body=good)
    kubectl("-n", namespace, "delete", "pod", "-l", "component=predictor", "--wait=true")
    kubectl("-n", namespace, "rollout", "status", PREDICTOR, f"--timeout={WAIT_S}s")
    assert release_behind(url()) == bundles[1].release


@pytest.mark.parametrize(
    ("account", "verb", "resource", "allowed"),
    [
        (contract.DEPLOYER_ACCOUNT, "patch", f"inferenceservices/{contract.KUBERNETES_NAME}", True),
        (contract.DEPLOYER_ACCOUNT, "patch", f"inferenceservices/{contract.CANDIDATE_NAME}", True),
        (contract.DEPLOYER_ACCOUNT, "patch", "inferenceservices/another", False),
        (contract.DEPLOYER_ACCOUNT, "create", "inferenceservices", False),
        (contract.DEPLOYER_ACCOUNT, "get", f"secrets/{contract.S3_SECRET}", False),
        (contract.DEPLOYER_ACCOUNT, "patch", f"servingruntimes/{contract.SERVING_RUNTIME}", False),
        (contract.PIPELINE_ACCOUNT, "patch", f"inferenceservices/{contract.KUBERNETES_NAME}", False),
        (contract.PIPELINE_ACCOUNT, "get", "pods", False),
        (contract.PREDICTOR_ACCOUNT, "get", f"secrets/{contract.S3_SECRET}", False),
    ],
)
def test_who_may_change_what_serves(
    kubectl: Kubectl, namespace: str, account: str, verb: str, resource: str, allowed: bool
) -> None:
    who = f"system:serviceaccount:{namespace}:{account}"
    done = subprocess.run(
        ["kubectl", "-n", namespace, "auth", "can-i", verb, resource, f"--as={who}"], capture_output=True, text=True
    )
    assert done.stdout.strip() == ("yes" if allowed else "no")


def test_the_deployer_creates_the_candidate_by_name_and_nothing_else(
    kubectl: Kubectl, namespace: str, store: str, bundles: list[Bundle]
) -> None:
    def create(name: str) -> subprocess.CompletedProcess[str]:
        manifest = inference_service(name, namespace, open_store(store).uri(bundles[1].release), serving(bundles[1]))
        who = f"--as=system:serviceaccount:{namespace}:{contract.DEPLOYER_ACCOUNT}"
        command = ["kubectl", "apply", "--server-side", "--dry-run=server", who, "-f", "-"]
        return subprocess.run(command, input=yaml.safe_dump(manifest), capture_output=True, text=True)

    assert create(contract.CANDIDATE_NAME).returncode == 0
    assert "forbidden" in create("another").stderr


def test_pod_security_refuses_a_pod_that_is_root(kubectl: Kubectl, namespace: str) -> None:
    manifest = pod("root", namespace, "any", "").replace("runAsUser: 10001", "runAsUser: 0")
    command = ["kubectl", "apply", "--dry-run=server", "-f", "-"]
    done = subprocess.run(command, input=manifest, capture_output=True, text=True)
    assert "violates PodSecurity" in done.stderr


def test_pods_of_another_namespace_reach_triton_only_where_it_is_labelled(kubectl: Kubectl, namespace: str) -> None:
    other = f"{namespace}-other"
    address = f"http://{contract.KUBERNETES_NAME}-predictor.{namespace}/v2"
    script = f"""
import time, urllib.request
for _ in range(200):
    try:
        urllib.request.urlopen({address!r}, timeout=2).close()
        print("answered", flush=True)
    except OSError as error:
        print("blocked", flush=True)
    time.sleep(0.5)
"""
    image = kubectl("-n", namespace, "get", "pods", "-o", "jsonpath={.items[0].spec.containers[0].image}")
    kubectl("create", "namespace", other)
    try:
        kubectl("apply", "-f", "-", stdin=pod("stranger", other, image, script))
        kubectl("-n", other, "wait", "pod/stranger", "--for=condition=Ready", "--timeout=60s")

        def seen() -> list[str]:
            return kubectl("-n", other, "logs", "stranger").split()

        until("it tried ten times", lambda: len(seen()) >= 10)
        assert set(seen()) == {"blocked"}
        kubectl("label", "namespace", other, "asl/clients=true")
        until("it is let in", lambda: seen()[-1] == "answered")
    finally:
        kubectl("delete", "namespace", other, "--wait=false")
