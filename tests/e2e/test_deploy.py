"""deploy on a real cluster, in the order of a release's life: each test builds on the previous one."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml

from asl_pkg import contract
from asl_pkg import deploy as step
from asl_pkg.bundle import signature
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.config.schema import DeploySettings, Settings
from asl_pkg.deployment.canary_analysis import CanaryComparison, compare_canary
from asl_pkg.deployment.inference_service import serving_of
from asl_pkg.deployment.smoke_test import smoke_test
from asl_pkg.errors import BundleError, GateError, ServingError, SettingError
from asl_pkg.inference.v2_client import Client
from asl_pkg.k8s.client import Cluster
from asl_pkg.k8s.port_forward import pod_urls
from asl_pkg.key import make_keys
from asl_pkg.storage.s3 import s3_client, split_url
from asl_pkg.validate import validate
from tests.e2e.conftest import TRANSFORMER_IMAGE, Kubectl
from tests.support.exported import Exported, plant, promise_otherwise, report_on, settings, sibling

pytestmark = pytest.mark.e2e


@dataclasses.dataclass(frozen=True)
class Deployable:
    """A bundle and the report that lets it pass."""

    bundle: Path
    report: Path

    @property
    def release(self) -> str:
        return open_bundle(self.bundle).release

    @property
    def digest(self) -> str:
        return open_bundle(self.bundle).digest


@pytest.fixture(scope="module")
def first(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Deployable:
    report = tmp_path_factory.mktemp("first") / "report"
    validate(settings(), exported.bundle, exported.dataset, exported.checkpoint, report)
    return Deployable(exported.bundle, report)


@pytest.fixture(scope="module")
def second(first: Deployable, tmp_path_factory: pytest.TempPathFactory) -> Deployable:
    folder = tmp_path_factory.mktemp("second")
    bundle = sibling(first.bundle, folder / "bundle")
    return Deployable(bundle, report_on(bundle, first.report, folder / "report", first.digest))


def add_large_file(folder: Path) -> None:
    """Something that does not get smaller on the way."""
    (folder / "extras" / "large").write_bytes(np.random.default_rng(0).bytes(64 * 2**20))


@pytest.fixture(scope="module")
def chosen(namespace: str, store: str) -> Settings:
    return dataclasses.replace(
        settings(), store=store, deploy=DeploySettings(namespace=namespace, latency_max_ms=5000, timeout_s=600)
    )


@pytest.fixture(scope="module")
def cluster(namespace: str) -> Cluster:
    return Cluster(namespace)


def live(cluster: Cluster) -> dict[str, Any]:
    found = cluster.get(contract.KUBERNETES_NAME)
    assert found is not None
    return found


def serving_pods(cluster: Cluster, component: str = "predictor") -> list[Any]:
    pods = cluster.pods({"serving.kserve.io/inferenceservice": contract.KUBERNETES_NAME, "component": component})
    return [pod for pod in pods if pod.metadata.deletion_timestamp is None]


def state(cluster: Cluster) -> tuple[object, object, set[str]]:
    """What a deploy that fails may not change: the object's specification and the pods that serve."""
    found = live(cluster)
    return found["spec"], found["metadata"]["generation"], {pod.metadata.name for pod in serving_pods(cluster)}


def assert_no_candidate(cluster: Cluster, timeout_s: float = 300) -> None:
    deadline = time.monotonic() + timeout_s
    while cluster.get(contract.CANDIDATE_NAME) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert cluster.get(contract.CANDIDATE_NAME) is None


def change_object(store: str, release: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change the model of a release in the store; what it was."""
    bucket, prefix = split_url(store)
    client, key = s3_client(), f"{prefix}/{contract.KUBERNETES_NAME}/{release}/{contract.MODEL_FILE}"
    before = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    client.put_object(Bucket=bucket, Key=key, Body=change(before))
    return bytes(before)


@contextmanager
def keeping_at_most(size: str, kubectl: Kubectl, namespace: str) -> Iterator[None]:
    """The ServingRuntime allows its pods so much ephemeral storage."""
    patch = ("-n", namespace, "patch", "servingruntime", contract.SERVING_RUNTIME, "--type=json", "-p")
    path = "/spec/containers/0/resources"
    before = json.loads(kubectl("-n", namespace, "get", "servingruntime", contract.SERVING_RUNTIME, "-o", "json"))
    resources = before["spec"]["containers"][0]["resources"]
    small = {kind: {**amounts, "ephemeral-storage": size} for kind, amounts in resources.items()}
    kubectl(*patch, json.dumps([{"op": "replace", "path": path, "value": small}]))
    try:
        yield
    finally:
        kubectl(*patch, json.dumps([{"op": "replace", "path": path, "value": resources}]))


def one_byte(model: bytes) -> bytes:
    return model[:-1] + bytes([model[-1] ^ 1])


def test_the_manifest_is_complete_and_the_server_takes_it_before_anything_serves(
    kubectl: Kubectl, namespace: str, chosen: Settings, first: Deployable
) -> None:
    manifest = yaml.safe_dump(step.manifest(chosen, first.bundle, first.report))
    said = kubectl("apply", "--dry-run=server", "-f", "-", stdin=manifest)
    assert said == f"inferenceservice.serving.kserve.io/{contract.KUBERNETES_NAME} created (server dry run)\n"
    assert Cluster(namespace).get(contract.KUBERNETES_NAME) is None


def test_a_release_that_cannot_be_loaded_is_not_deployed_and_the_log_says_why(
    cluster: Cluster, chosen: Settings, first: Deployable, tmp_path: Path
) -> None:
    def break_opset(folder: Path) -> None:
        model = onnx.load(folder / contract.MODEL_FILE)
        model.opset_import[0].version = 99
        onnx.save(model, folder / contract.MODEL_FILE)

    bundle = plant(first.bundle, tmp_path / "bundle", break_opset)
    report = report_on(bundle, first.report, tmp_path / "report", None)
    with pytest.raises(ServingError, match=r"candidate.*opset.*serving release was not changed"):
        step.deploy(chosen, bundle, report)
    assert cluster.get(contract.KUBERNETES_NAME) is None
    assert_no_candidate(cluster)


def test_the_first_release_serves(cluster: Cluster, chosen: Settings, first: Deployable, store: str) -> None:
    made = step.deploy(chosen, first.bundle, first.report)
    assert made.uri == f"{store}/{contract.KUBERNETES_NAME}/{first.release}/"
    serving = serving_of(live(cluster))
    assert (serving.release, serving.bundle_digest, serving.previous) == (first.release, first.digest, None)
    with pod_urls(cluster, serving_pods(cluster)) as urls:
        for url in urls:
            assert Client(url).release == first.release
    assert_no_candidate(cluster)


def test_a_candidate_that_answers_otherwise_than_validated_leaves_what_serves(
    cluster: Cluster, chosen: Settings, first: Deployable, tmp_path: Path
) -> None:
    bundle = sibling(first.bundle, tmp_path / "bundle", threads=4)
    report = report_on(bundle, first.report, tmp_path / "report", first.digest)
    promise_otherwise(report)
    before = state(cluster)
    with pytest.raises(ServingError, match="1 of 29 golden images differ.*was not changed"):
        step.deploy(chosen, bundle, report)
    assert state(cluster) == before
    assert_no_candidate(cluster)


def test_a_report_that_compared_with_another_champion_is_refused(
    cluster: Cluster, chosen: Settings, second: Deployable, first: Deployable, tmp_path: Path
) -> None:
    stale = report_on(second.bundle, second.report, tmp_path / "report", "0" * 64)
    before = state(cluster)
    with pytest.raises(GateError, match=f"compares with 000000000000, but {first.digest[:12]} serves"):
        step.deploy(chosen, second.bundle, stale)
    assert state(cluster) == before


def test_a_bundle_larger_than_the_pods_ephemeral_storage_is_refused(
    kubectl: Kubectl, cluster: Cluster, chosen: Settings, first: Deployable, tmp_path: Path
) -> None:
    bundle = plant(sibling(first.bundle, tmp_path / "sibling", threads=5), tmp_path / "bundle", add_large_file)
    report = report_on(bundle, first.report, tmp_path / "report", first.digest)
    before = serving_of(live(cluster))
    refused = pytest.raises(ServingError, match="a pod may store 20,971,520: raise.*serving release was not changed")
    with keeping_at_most("20Mi", kubectl, cluster.namespace), refused:
        step.deploy(chosen, bundle, report)
    assert serving_of(live(cluster)) == before
    assert_no_candidate(cluster)
    kubectl("-n", cluster.namespace, "rollout", "status", f"deployment/{contract.KUBERNETES_NAME}-predictor")


def test_the_second_release_replaces_the_first(cluster: Cluster, chosen: Settings, second: Deployable) -> None:
    before = serving_of(live(cluster))
    step.deploy(chosen, second.bundle, second.report)
    serving = serving_of(live(cluster))
    assert (serving.release, serving.previous) == (second.release, before.release)
    assert_no_candidate(cluster)


def test_the_list_says_what_serves_and_what_served(chosen: Settings, first: Deployable, second: Deployable) -> None:
    roles = {listed.release: listed.role for listed in step.releases(chosen) if listed.role}
    assert roles == {first.release: "previous", second.release: "serves"}


def test_deploying_again_or_applying_the_manifest_again_changes_nothing(
    kubectl: Kubectl, cluster: Cluster, chosen: Settings, second: Deployable
) -> None:
    before = state(cluster)
    step.deploy(chosen, second.bundle, second.report)
    manifest = yaml.safe_dump(step.manifest(chosen, second.bundle, second.report))
    owner = f"--field-manager={contract.FIELD_MANAGER}"
    for _ in range(2):
        kubectl("apply", "--server-side", owner, "-f", "-", stdin=manifest)
    assert state(cluster) == before


def test_rollback_brings_the_first_back_without_a_registry(
    cluster: Cluster, chosen: Settings, first: Deployable, second: Deployable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="MLflow does not know"):
        step.rollback(chosen)
    serving = serving_of(live(cluster))
    assert (serving.release, serving.previous) == (first.release, second.release)


def test_a_failure_after_the_switch_restores_what_served(
    cluster: Cluster, chosen: Settings, second: Deployable, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is changed in the store once the candidate has passed: the pods that should serve it do not start."""
    before = serving_of(live(cluster))
    model: list[bytes] = []

    def accept_then_tamper(*arguments: Any) -> float:
        latency_ms = smoke_test(*arguments)
        model.append(change_object(store, second.release, one_byte))
        return latency_ms

    monkeypatch.setattr(step, "smoke_test", accept_then_tamper)
    with pytest.raises(ServingError, match=f"changed .*model.onnx.*{before.release} serves again"):
        step.rollback(chosen, second.release)
    assert serving_of(live(cluster)) == before
    with pod_urls(cluster, serving_pods(cluster)) as urls:
        assert [Client(url).release for url in urls] == [before.release] * len(urls)
    assert_no_candidate(cluster)
    with pytest.raises(BundleError, match=r"the store's copy is damaged.*changed .*model\.onnx"):
        step.rollback(chosen, second.release)
    change_object(store, second.release, lambda _: model[0])


def test_a_pod_that_finds_a_tampered_model_serves_nothing(
    kubectl: Kubectl, cluster: Cluster, namespace: str, store: str, first: Deployable
) -> None:
    model = change_object(store, first.release, one_byte)
    kubectl("-n", namespace, "delete", "pod", "-l", "component=predictor")
    try:
        deadline = time.monotonic() + 120
        logs = ""
        while "is not what was validated" not in logs and time.monotonic() < deadline:
            time.sleep(1)
            for pod in serving_pods(cluster):
                logs += cluster.log(pod.metadata.name, "kserve-container")
        assert f"changed {contract.MODEL_FILE}" in logs
        assert not any(status.ready for pod in serving_pods(cluster) for status in pod.status.container_statuses)
    finally:
        change_object(store, first.release, lambda _: model)
        kubectl("-n", namespace, "delete", "pod", "-l", "component=predictor")
    kubectl("-n", namespace, "rollout", "status", f"deployment/{contract.KUBERNETES_NAME}-predictor")


def test_a_canary_shares_the_users_and_is_promoted_or_taken_back_by_itself(
    kubectl: Kubectl,
    cluster: Cluster,
    namespace: str,
    chosen: Settings,
    first: Deployable,
    second: Deployable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares: list[int] = []
    found: list[CanaryComparison] = []

    def compare_and_look(*arguments: Any) -> CanaryComparison:
        path = "jsonpath={.subsets[*].addresses[*].ip}"
        shares.append(len(kubectl("-n", namespace, "get", "endpoints", contract.GRPC_SERVICE, "-o", path).split()))
        found.append(compare_canary(*arguments))
        return found[-1]

    monkeypatch.setattr(step, "compare_canary", compare_and_look)
    canary = dataclasses.replace(chosen.deploy, canary_requests=1000, canary_slowdown_max=10)
    step.rollback(dataclasses.replace(chosen, deploy=canary), second.release)
    assert serving_of(live(cluster)).release == second.release
    assert (shares, found[0].agreement, found[0].errors) == ([2], 1.0, (0, 0))

    monkeypatch.setattr(step, "compare_canary", lambda *_: dataclasses.replace(found[0], agreement=0.5))
    with pytest.raises(ServingError, match=f"canary_agreement_min=0.9; 1,000 paired.*{second.release} serves again"):
        step.rollback(dataclasses.replace(chosen, deploy=canary), first.release)
    assert serving_of(live(cluster)).release == second.release
    assert "canary" not in live(cluster)["spec"]
    assert cluster.deployment(f"{contract.KUBERNETES_NAME}-{contract.CANARY_NAME}-predictor") is None


def test_a_new_release_restarts_the_predictor_and_leaves_the_transformer(
    cluster: Cluster, chosen: Settings, first: Deployable
) -> None:
    deploy = dataclasses.replace(chosen.deploy, transformer_image=TRANSFORMER_IMAGE)
    with_transformer = dataclasses.replace(chosen, deploy=deploy)
    step.rollback(with_transformer, serving_of(live(cluster)).release)
    (before,) = serving_pods(cluster, "transformer")
    step.rollback(with_transformer, first.release)
    (after,) = serving_pods(cluster, "transformer")
    assert before.metadata.name == after.metadata.name


@pytest.mark.parametrize("account", [contract.PIPELINE_ACCOUNT, contract.PREDICTOR_ACCOUNT])
def test_no_other_account_than_the_deployers_may_change_what_serves(
    kubectl: Kubectl, namespace: str, account: str
) -> None:
    patch = ["patch", "inferenceservice", contract.KUBERNETES_NAME, "--type=merge", '-p={"metadata":{"labels":{}}}']
    identity = f"--as=system:serviceaccount:{namespace}:"
    with pytest.raises(AssertionError, match="forbidden"):
        kubectl("-n", namespace, identity + account, *patch, "--dry-run=server")
    kubectl("-n", namespace, identity + contract.DEPLOYER_ACCOUNT, *patch, "--dry-run=server")


def test_the_deployers_account_changes_nothing_else(kubectl: Kubectl, namespace: str) -> None:
    identity = ("-n", namespace, f"--as=system:serviceaccount:{namespace}:{contract.DEPLOYER_ACCOUNT}")
    for wrong in (["delete", "inferenceservice", "another"], ["get", "secret", contract.S3_SECRET]):
        with pytest.raises(AssertionError, match="forbidden"):
            kubectl(*identity, *wrong)


def test_the_deployers_account_is_enough_to_deploy(
    cluster: Cluster, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but forwarding ports, which a deploy inside the cluster does not need."""

    class AsDeployer(Cluster):
        def __init__(self, namespace: str) -> None:
            super().__init__(namespace)
            account = f"system:serviceaccount:{namespace}:{contract.DEPLOYER_ACCOUNT}"
            self._api.set_default_header("Impersonate-User", account)

    monkeypatch.setattr("asl_pkg.k8s.client.Cluster", AsDeployer)
    before = serving_of(live(cluster))
    step.rollback(chosen)
    assert serving_of(live(cluster)).release == before.previous


def test_where_the_runtime_demands_signatures_only_what_is_signed_is_deployed(
    kubectl: Kubectl,
    cluster: Cluster,
    chosen: Settings,
    first: Deployable,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """As the overlay production does; its own image is not on every cluster."""
    mark = ["annotate", "servingruntime", contract.SERVING_RUNTIME]
    kubectl("-n", cluster.namespace, *mark, f"{contract.SIGNATURE_ANNOTATION}=required")
    before = state(cluster)
    bundle = sibling(first.bundle, tmp_path / "bundle", threads=8)
    report = report_on(bundle, first.report, tmp_path / "report", serving_of(live(cluster)).bundle_digest)
    private, public = make_keys(tmp_path / "keys")
    with pytest.raises(SettingError, match=contract.PUBLIC_KEY_VARIABLE):
        step.deploy(chosen, bundle, report)
    monkeypatch.setenv(contract.PUBLIC_KEY_VARIABLE, str(public))
    with pytest.raises(BundleError, match="is not signed"):
        step.deploy(chosen, bundle, report)
    assert state(cluster) == before
    monkeypatch.setenv(contract.SIGNING_KEY_VARIABLE, str(private))
    signature.sign(bundle, bundle / contract.SIGNATURE_FILE)
    signature.sign(report / contract.REPORT_FILE, report / contract.REPORT_SIGNATURE)
    assert step.deploy(chosen, bundle, report).release == open_bundle(bundle).release
    kubectl("-n", cluster.namespace, *mark, f"{contract.SIGNATURE_ANNOTATION}-")
