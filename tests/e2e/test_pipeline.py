"""asl.yaml on a real Kubeflow Pipelines, 2.5 or newer: each test builds on the previous ones.

Needed beside KUBECONFIG and AWS_* (`make env`): `make images-kind platform`, no InferenceService in namespace asl, and
  ASL_E2E_KFP             address of KFP's UI, such as http://127.0.0.1:8080
  ASL_E2E_KFP_NAMESPACE   where its pods run (default: kubeflow)
  ASL_E2E_REGISTRY        where `make push` pushed the container images (default: that of `make kind-up`)

Not covered: an approval before deploy. The pipeline has none: the gates decide.
"""

import base64
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from kfp import Client

from asl_pkg import contract, pipeline, submit
from asl_pkg.config.schema import SyntheticData
from asl_pkg.data.sample import Sample
from asl_pkg.data.sources import open_source
from asl_pkg.errors import AslError
from asl_pkg.k8s.client import Cluster
from asl_pkg.k8s.pending_pods import step_of
from asl_pkg.orchestration.failed_step import RUN_LABEL
from asl_pkg.orchestration.run_watcher import watch_run
from asl_pkg.storage.s3_folder import S3Folder
from tests.e2e.conftest import HANDS, LENIENT, VARIABLES, Kubectl
from tests.support.archives import zipped

MISSING = [name for name in ("ASL_E2E_KFP", *VARIABLES) if not os.environ.get(name)]
if MISSING:
    pytest.skip(f"no Kubeflow Pipelines: set {', '.join(MISSING)}", allow_module_level=True)
pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore:This client only works:FutureWarning")]

HOST = os.environ.get("ASL_E2E_KFP", "")
NAMESPACE = os.environ.get("ASL_E2E_KFP_NAMESPACE", "kubeflow")
REGISTRY = os.environ.get("ASL_E2E_REGISTRY", contract.KIND_REGISTRY)
BUCKET = os.environ.get("ASL_E2E_BUCKET", "models")
CACHED = {"pull", "train", "export", "validate"}
ALWAYS = {"champion", "finish"}
EPOCHS = 4
MANY_EPOCHS = 99  # so many that a pod can be deleted in the midst of them
FIRST_EPOCH = f"epoch   1 of {MANY_EPOCHS}"  # of train's log
TOLERANCE = 0.1  # of a figure, between two machines that train the same tiny network

Submit = Callable[..., str]  # settings -> the run's id


@pytest.fixture(scope="module", autouse=True)
def kfp() -> None:
    try:
        requests.get(f"{HOST}/apis/v2beta1/healthz", timeout=10).raise_for_status()
    except requests.RequestException as error:
        pytest.skip(f"no Kubeflow Pipelines at ASL_E2E_KFP={HOST}: {type(error).__name__}")


@pytest.fixture(scope="module")
def cluster(kubectl: Kubectl) -> Iterator[Cluster]:
    serving = Cluster(contract.NAMESPACE)
    assert serving.get(contract.KUBERNETES_NAME) is None, "a model serves in the namespace asl: it would be replaced"
    yield Cluster(NAMESPACE)
    serving.delete(contract.KUBERNETES_NAME)


@pytest.fixture(scope="module")
def common(cluster: Cluster) -> list[str]:
    prefix = f"s3://{BUCKET}/e2e-{uuid.uuid4().hex[:6]}"
    where = [f"kfp.host={HOST}", f"kfp.namespace={NAMESPACE}", f"store={prefix}", f"checkpoint_uri={prefix}/training"]
    pods = [f"pod.registry={REGISTRY}"]
    tiny = [
        f"trainer.max_epochs={EPOCHS}",
        "model=baseline",
        "model.width=4",
        *(f"validate.{setting}" for setting in LENIENT),
    ]
    return [*where, *pods, *tiny]


@pytest.fixture(scope="module")
def run(common: list[str]) -> Submit:
    """Submit with more settings and wait; the id of the run, also of one that fails."""

    def submitted(*settings: str) -> str:
        try:
            url = submit.submit([*common, *settings]).url
        except AslError as error:
            url = str(error)
        return url.rpartition("/")[2]

    return submitted


@pytest.fixture(scope="module")
def first(run: Submit) -> str:
    return run(*HANDS)


def ran(cluster: Cluster, run_id: str) -> set[str]:
    """The steps of a run that were not taken from the cache: those that have a pod of their own."""
    return {step_of(pod) for pod in cluster.pods({RUN_LABEL: run_id})} - {""}


def artefacts(kubectl: Kubectl, run_id: str) -> dict[str, Callable[[], bytes]]:
    """What a run left in KFP's own bucket, by STEP/…, whatever scheme KFP writes its address with."""
    secret = json.loads(kubectl("-n", NAMESPACE, "get", "secret", "mlpipeline-minio-artifact", "-o", "json"))["data"]
    keys = [base64.b64decode(secret[name]).decode() for name in ("accesskey", "secretkey")]
    client = boto3.Session(*keys).client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="mlpipeline", Prefix="v2/artifacts/asl/")
    found = [item["Key"] for page in pages for item in page.get("Contents", []) if f"/{run_id}/" in item["Key"]]

    def body(key: str) -> Callable[[], bytes]:
        return lambda: client.get_object(Bucket="mlpipeline", Key=key)["Body"].read()

    # v2/artifacts/PIPELINE/RUN/STEP/UUID/NAME…
    return {"/".join([key.split("/")[4], *key.split("/")[6:]]): body(key) for key in found}


def test_every_step_runs_and_leaves_its_artefacts_in_s3(first: str, cluster: Cluster, kubectl: Kubectl) -> None:
    assert ran(cluster, first) == CACHED | ALWAYS | {"deploy"}
    found = artefacts(kubectl, first)
    for name in (
        f"pull/dataset/{contract.DATASET_FILE}", "pull/audit", f"train/training/{contract.BEST_CHECKPOINT}",
        f"export/bundle/{contract.BUNDLE_FILE}", f"validate/report/{contract.REPORT_FILE}", "validate/page",
        "validate/model_card",
    ):  # fmt: skip
        assert name in found
    report = json.loads(found[f"validate/report/{contract.REPORT_FILE}"]())
    assert 0 < report["metrics"]["accuracy"]["value"] <= 1
    assert report["passed"]


def test_the_same_again_is_the_same_version_and_comes_from_the_cache(first: str, run: Submit, cluster: Cluster) -> None:
    again = run(*HANDS)
    assert ran(cluster, again) == ALWAYS | {"deploy"}
    assert version_of(again) == version_of(first)


def version_of(run_id: str) -> str:
    """The pipeline version of a run."""
    return str(Client(HOST).get_run(run_id).pipeline_version_reference.pipeline_version_id)


def test_a_whole_run_takes_nothing_from_the_cache_where_the_user_says_so(
    first: str, run: Submit, cluster: Cluster
) -> None:
    assert ran(cluster, run(*HANDS, "cache=false")) >= CACHED


def test_a_changed_line_of_train_runs_train_again_and_pull_not(
    first: str, run: Submit, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = pipeline.code_version
    monkeypatch.setattr(pipeline, "code_version", lambda step: known(step) + "changed" * (step == "train"))
    assert ran(cluster, run(*HANDS)) & CACHED == {"train", "export", "validate"}


def test_another_champion_is_compared_with_anew(first: str, run: Submit, cluster: Cluster) -> None:
    assert "deploy" in ran(cluster, run(*HANDS, "seed=8"))
    assert ran(cluster, run(*HANDS)) & CACHED == {"validate"}


def test_a_gate_that_fails_stops_before_deploy(first: str, run: Submit, cluster: Cluster) -> None:
    steps = ran(cluster, run(*HANDS, "validate.accuracy_min=1"))
    assert "refuse" in steps
    assert "deploy" not in steps


def test_a_step_that_fails_is_named_with_its_exit_code_and_last_lines_by_submit_and_by_finish(
    common: list[str], cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    prefix = f"s3://{BUCKET}/nothing-{uuid.uuid4().hex[:6]}"
    with pytest.raises(AslError, match="step pull ended with exit code 1") as failed:
        submit.submit([*common, f"data={prefix}"])
    assert f"{prefix}/ holds no object" in capfd.readouterr().err
    pods = cluster.pods({RUN_LABEL: str(failed.value).rpartition("/")[2]})
    [end] = [pod.metadata.name for pod in pods if step_of(pod) == "finish"]
    log = cluster.log(end, "main", previous=False)
    assert "step pull ended with exit code 1" in log
    assert f"{prefix}/ holds no object" in log


def test_a_schedules_run_behaves_like_a_submitted_one(common: list[str], cluster: Cluster) -> None:
    client = Client(HOST)
    made = submit.schedule([*common, *HANDS, "validate.accuracy_min=1", "kfp.cron=0 * * * * *"])
    try:
        run_id = first_run_of(client, made.id)
        assert watch_run(client, run_id, cluster) == "FAILED"
    finally:
        client.delete_recurring_run(made.id)  # its runs end with it
    steps = ran(cluster, run_id)
    assert "refuse" in steps
    assert "deploy" not in steps


def first_run_of(client: Client, recurring: str, within_s: float = 300) -> str:
    """The first run that a schedule starts."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        for found in client.list_runs(page_size=100, sort_by="created_at desc").runs or []:
            if found.recurring_run_id == recurring:
                return str(found.run_id)
        time.sleep(5)
    raise AssertionError(f"the schedule started no run within {within_s:.0f} s")


def test_the_run_here_from_the_same_archive_has_the_same_data_and_like_figures_and_a_replaced_image_another(
    run: Submit, cluster: Cluster, kubectl: Kubectl, common: list[str], tmp_path: Path
) -> None:
    images = {
        sample.path: sample
        for sample in open_source(SyntheticData(10, 2, 3), 7, tmp_path).read(0)
        if isinstance(sample, Sample)
    }
    names = {
        f"{sample.signer}/{contract.CLASSES[sample.label]}/{number}.jpg": sample.data
        for number, sample in enumerate(images.values())
    }
    key = f"e2e-{uuid.uuid4().hex[:6]}/letters.zip"
    chosen = [f"data=s3://{BUCKET}/{key}"]
    S3Folder(BUCKET, "").put_file(zipped(tmp_path / "letters.zip", names), key)
    there = artefacts(kubectl, run(*chosen))
    here = pipeline.run(
        [setting for setting in [*common, *chosen] if not setting.startswith(("store", "checkpoint_uri"))], tmp_path
    )
    info = json.loads(there[f"pull/dataset/{contract.DATASET_FILE}"]())
    assert info == json.loads((here["pull"] / contract.DATASET_FILE).read_text())
    reports = [
        json.loads(there[f"validate/report/{contract.REPORT_FILE}"]()),
        json.loads((here["validate"] / contract.REPORT_FILE).read_text()),
    ]
    for name in ("accuracy", "macro_f1"):
        figures = [report["metrics"][name]["value"] for report in reports]
        print(f"{name:10} there {figures[0]:.3f}   here {figures[1]:.3f}")
        assert abs(figures[0] - figures[1]) < TOLERANCE
    names[next(iter(names))] = names[list(names)[-1]]
    S3Folder(BUCKET, "").put_file(zipped(tmp_path / "letters.zip", names), key)
    again = run(*chosen)
    assert ran(cluster, again) >= CACHED
    assert json.loads(artefacts(kubectl, again)[f"pull/dataset/{contract.DATASET_FILE}"]())["digest"] != info["digest"]


def test_a_training_whose_pod_is_deleted_after_its_first_epoch_goes_on_in_another(
    run: Submit, cluster: Cluster, kubectl: Kubectl
) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, *HANDS, "seed=9", f"trainer.max_epochs={MANY_EPOCHS}")
        pod = training_past_its_first_epoch(cluster)
        kubectl("-n", NAMESPACE, "delete", "pod", pod, "--wait=false")
        run_id = running.result()
    attempts = [pod for pod in cluster.pods({RUN_LABEL: run_id}) if step_of(pod) == "train"]
    last = max(attempts, key=lambda pod: pod.metadata.creation_timestamp)
    assert last.metadata.name != pod
    log = cluster.log(last.metadata.name, "main", previous=False)
    assert FIRST_EPOCH not in log
    assert "deploy" in ran(cluster, run_id)


def training_past_its_first_epoch(cluster: Cluster, within_s: float = 900) -> str:
    """The pod that trains, once its log says what the first epoch came to."""
    deadline = time.monotonic() + within_s
    known: set[Any] = {pod.metadata.name for pod in cluster.pods({}) if step_of(pod) == "train"}
    while time.monotonic() < deadline:
        for pod in cluster.pods({}):
            name, runs = pod.metadata.name, step_of(pod) == "train" and pod.status.phase == "Running"
            if runs and name not in known and FIRST_EPOCH in cluster.log(name, "main", previous=False):
                return str(name)
        time.sleep(1)
    raise AssertionError(f"no training ended its first epoch within {within_s:.0f} s")
