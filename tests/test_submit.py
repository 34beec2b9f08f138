"""submit and schedule, by kfp's own client against a stand-in for Kubeflow Pipelines (tests/support/kfp_stand_in.py).

tests/e2e/test_pipeline.py runs on a real one.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asl_pkg import contract, submit
from asl_pkg.errors import AslError, ServingError, SettingError
from asl_pkg.lineage.code_version import code_version
from asl_pkg.orchestration import compiled
from asl_pkg.orchestration.form import STEP_TITLES
from asl_pkg.orchestration.images import content_tag
from asl_pkg.storage.s3 import s3_client
from tests.support.kfp_stand_in import RUN, StandIn, pod, run_state, stand_in_for_kfp
from tests.support.s3_server import s3_server

DIGEST = f"sha256:{'ab' * 32}"
OBJECTS = {"serviceaccounts/pipeline-runner", f"secrets/{contract.S3_SECRET}", f"secrets/{contract.DEPLOYER_TOKEN}"}
CREATED = "2026-01-01T00:00:00Z"
CACHED = ("pull", "train", "export", "validate")
ALL_BUT_PULL = set(STEP_TITLES) - {"pull"}


@pytest.fixture(scope="module")
def buckets() -> Iterator[None]:
    """A real S3 server with the buckets models and data."""
    with s3_server() as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        for bucket in ("models", "data"):
            s3_client().create_bucket(Bucket=bucket)
        yield


@pytest.fixture
def kfp(buckets: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with stand_in_for_kfp(tmp_path) as there:
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        there.objects |= OBJECTS
        there.images |= dict.fromkeys(("asl-data:1", "team/asl-train:1"), DIGEST)
        there.states = [run_state("SUCCEEDED")]
        yield there


def settings(there: StandIn, *more: str) -> list[str]:
    registry = there.url.removeprefix("http://")
    images = [f"pod.data_image={registry}/asl-data:1", f"pod.train_image={registry}/team/asl-train:1"]
    return [f"kfp.host={there.url}", "store=s3://models", *images, *more]


def graph(sent: dict[str, Any]) -> dict[str, Any]:
    """The pipeline that a run or a schedule was sent with."""
    return dict(sent["pipeline_spec"]["pipeline_spec"])


def constant(given: dict[str, Any]) -> str:
    """The value of an input that is a constant."""
    return str(given["runtimeValue"]["constant"])


def users_of_images(there: StandIn) -> dict[str, set[str]]:
    """The steps that run in each container image."""
    images: dict[str, set[str]] = {}
    for step, container in compiled.executors([graph(there.runs[0])]).items():
        images.setdefault(container["image"], set()).add(step)
    return images


def caching(sent: dict[str, Any]) -> dict[str, bool]:
    """Which tasks of what was sent may be taken from the cache."""
    found = compiled.tasks([graph(sent)])
    return {name: task.get("cachingOptions", {}).get("enableCache", False) for name, task in found.items()}


def test_submit_sends_the_compiled_pipeline_with_its_settings_to_a_stand_in_for_kfp(kfp: StandIn) -> None:
    made = submit.submit(settings(kfp, "trainer.max_epochs=2", "validate.accuracy_min=0.5", "pod.cpu=4"), 0.01)
    assert made.url == f"{kfp.url}/#/runs/details/{RUN}"
    (sent,) = kfp.runs
    given = sent["runtime_config"]["parameters"]
    assert given == {
        "train_max_epochs": 2, "validate_accuracy_min": 0.5, "pod_cpu": "4", "deploy_store": "s3://models",
    }  # fmt: skip
    assert sent["service_account"] == "pipeline-runner"
    assert graph(sent)["pipelineInfo"]["name"] == "asl"
    assert set(given) <= graph(sent)["root"]["inputDefinitions"]["parameters"].keys()


def test_what_the_cache_needs_stands_in_the_steps_that_a_stand_in_for_kfp_gets(kfp: StandIn) -> None:
    submit.submit(settings(kfp, "data=https://host/a.zip", f"data.sha256={'ab' * 32}"), 0.01)
    found = compiled.tasks([graph(kfp.runs[0])])
    inputs = {step: found[step]["inputs"]["parameters"] for step in CACHED}
    assert {step: constant(given["code_version"]) for step, given in inputs.items()} == {
        step: code_version(step) for step in CACHED
    }
    assert constant(inputs["pull"]["data_version"]) == "ab" * 32


def test_another_kind_of_accelerator_reaches_the_training_step_of_a_stand_in_for_kfp(kfp: StandIn) -> None:
    submit.submit(settings(kfp, "pod.accelerator_type=amd.com/gpu", "pod.accelerator_count=1"), 0.01)
    accelerator = compiled.executors([graph(kfp.runs[0])])["train"]["resources"]["accelerator"]
    assert (accelerator["resourceType"], accelerator["type"]) == ("amd.com/gpu", "amd.com/gpu")
    assert kfp.runs[0]["runtime_config"]["parameters"]["pod_gpus"] == "1"


def test_submit_names_each_image_by_its_digest_to_a_stand_in_for_kfp(kfp: StandIn) -> None:
    submit.submit(settings(kfp), 0.01)
    registry = kfp.url.removeprefix("http://")
    used = {f"{registry}/asl-data@{DIGEST}": {"pull"}, f"{registry}/team/asl-train@{DIGEST}": ALL_BUT_PULL}
    assert users_of_images(kfp) == used


def test_an_image_that_nobody_names_is_the_one_made_of_these_sources_for_a_stand_in_for_kfp(kfp: StandIn) -> None:
    registry = kfp.url.removeprefix("http://")
    kfp.images |= {f"asl-{name}:{content_tag(name)}": DIGEST for name in ("data", "train")}
    submit.submit([f"kfp.host={kfp.url}", "store=s3://models", f"pod.registry={registry}"], 0.01)
    used = {f"{registry}/asl-data@{DIGEST}": {"pull"}, f"{registry}/asl-train@{DIGEST}": ALL_BUT_PULL}
    assert users_of_images(kfp) == used


def test_an_image_without_a_registry_is_said_to_need_one_for_a_stand_in_for_kfp(
    kfp: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    submit.submit([f"kfp.host={kfp.url}", "store=s3://models"], 0.01)
    said = capsys.readouterr().err
    assert re.search(r"asl-data:\w+: set pod\.registry", said)
    assert "not reachable" not in said


@pytest.mark.parametrize(("cache", "expected"), [("true", set(CACHED)), ("false", set())])
def test_no_step_may_come_from_the_cache_of_a_stand_in_for_kfp_where_the_user_says_so(
    kfp: StandIn, cache: str, expected: set[str]
) -> None:
    submit.submit(settings(kfp, f"cache={cache}"), 0.01)
    tasks = caching(kfp.runs[0])
    assert {name for name, cached in tasks.items() if cached} == expected


def test_submit_says_how_each_step_of_a_stand_in_for_kfp_goes_on(
    kfp: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    kfp.states = [
        run_state("RUNNING", **{"root-driver": "SUCCEEDED", "pull": "RUNNING"}),
        run_state("RUNNING", pull="RUNNING"),
        run_state("RUNNING", pull="SUCCEEDED", train="RUNNING"),
        run_state("SUCCEEDED", pull="SUCCEEDED", train="SUCCEEDED"),
    ]
    submit.submit(settings(kfp), 0.01)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"run {kfp.url}/#/runs/details/{RUN}"
    assert [line.split(" ", 1)[1] for line in lines[1:]] == [
        "pull: running", "pull: succeeded", "train: running", "train: succeeded",
    ]  # fmt: skip


def test_a_content_becomes_one_version_with_a_readable_name_on_a_stand_in_for_kfp(kfp: StandIn) -> None:
    for more in ([], [], ["pod.accelerator_type=amd.com/gpu"]):
        submit.submit(settings(kfp, *more), 0.01)
    first, second = (version["display_name"] for version in kfp.versions)
    assert re.fullmatch(rf"{re.escape(contract.IMAGE_VERSION)}-[0-9a-f]{{7}}|.*-unknown", first)
    assert second == f"{first}.2"
    assert [run["pipeline_version_reference"]["pipeline_version_id"] for run in kfp.runs] == ["0", "0", "1"]


def test_what_is_missing_on_a_stand_in_for_kfp_is_named_before_anything_is_sent(kfp: StandIn) -> None:
    kfp.objects.clear()
    del kfp.images["asl-data:1"]
    with pytest.raises(ServingError) as caught:
        submit.submit(settings(kfp, "kfp.service_account=robot", "data=s3://nowhere/letters"))
    said = str(caught.value)
    for what in (
        "ServiceAccount robot",
        f"Secret {contract.S3_SECRET}",
        f"Secret {contract.DEPLOYER_TOKEN}",
        "asl-data:1",
        "bucket s3://nowhere",
    ):
        assert what in said
    assert "asl-train" not in said
    assert not kfp.runs


def test_a_pod_that_waits_on_a_stand_in_for_kfp_is_told_of_once_with_its_event(
    kfp: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = datetime.now(UTC).isoformat()
    kfp.pods = [pod("asl-x-1", "train", "Pending", CREATED), pod("asl-x-2", "pull", "Pending", fresh)]
    kfp.events = [
        {"type": "Warning", "reason": "FailedScheduling", "message": "0/1 nodes: Insufficient cpu.", "metadata": {},
         "involvedObject": {}},
    ]  # fmt: skip
    kfp.states = [run_state("RUNNING"), run_state("RUNNING"), run_state("SUCCEEDED")]
    submit.submit(settings(kfp), 0.01)
    said = [line for line in capsys.readouterr().err.splitlines() if "pending" in line]
    assert said == ["train: its pod asl-x-1 has been pending for 60 s: FailedScheduling: 0/1 nodes: Insufficient cpu."]


def test_a_run_that_fails_on_a_stand_in_for_kfp_ends_with_the_steps_last_lines(
    kfp: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    kfp.states = [run_state("FAILED", pull="SUCCEEDED", train="FAILED")]
    kfp.pods = [
        pod("asl-x-1", "pull", "Failed", "2026-01-01T00:00:00Z"),  # tried again, and well
        pod("asl-x-2", "pull", "Succeeded", "2026-01-01T00:01:00Z"),
        pod("asl-x-3", "train", "Failed", "2026-01-01T00:02:00Z"),
    ]
    kfp.log = "".join(f"line {number}\n" for number in range(50)) + "asl_pkg.errors.DataError: no such file\n"
    with pytest.raises(AslError, match="ended FAILED: step train ended with exit code 1"):
        submit.submit(settings(kfp), 0.01)
    said = capsys.readouterr().err
    assert "asl_pkg.errors.DataError: no such file" in said
    assert "line 49" in said
    assert "line 10\n" not in said


def test_schedule_asks_a_stand_in_for_kfp_for_runs_that_take_no_stale_data(kfp: StandIn) -> None:
    submit.schedule(settings(kfp, "kfp.cron=0 30 2 * * *"))
    made = submit.schedule(settings(kfp, "data=s3://data/letters"))
    assert made.url == f"{kfp.url}/#/recurringrun/details/schedule"
    synthetic, changing = kfp.schedules
    assert synthetic["trigger"]["cron_schedule"]["cron"] == "0 30 2 * * *"
    assert caching(synthetic)["pull"]
    assert not any(caching(changing).values())


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("store=models/store", "pods need store=s3://"),
        ("checkpoint_uri=models/state", "pods need checkpoint_uri=s3://"),
        ("data=folder", "asl pull … to=s3://"),
    ],
    ids=["store", "checkpoint_uri", "data"],
)
def test_what_no_pod_can_see_is_refused_before_a_stand_in_for_kfp_is_asked(
    kfp: StandIn, override: str, said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        submit.submit([*settings(kfp), override])
    assert not kfp.runs


def test_where_nothing_answers_the_line_says_how_to_reach_kfp(kfp: StandIn) -> None:
    with pytest.raises(ServingError, match="port-forward"):
        submit.submit([*settings(kfp), "kfp.host=http://127.0.0.1:9"])


def test_a_login_page_in_front_of_kfp_is_named_before_anything_else_is_looked_for(
    kfp: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kfp.page = "<!DOCTYPE html><html>Log in to Your Account</html>"
    kfp.objects.clear()
    with pytest.raises(ServingError, match="answered a web page"):
        submit.submit(settings(kfp), 0.01)


@pytest.mark.parametrize(
    "data",
    [
        ["data=https://ann:secret@example.org/a.zip"],
        ["data=dvc", "data.path=letters", "data.repository=https://token@example.org/r.git"],
        ["data=mix", "data.path=ann=https://example.org/a.zip?sig=secret,synthetic"],
    ],
    ids=["http", "dvc", "mix"],
)
def test_a_url_with_a_secret_does_not_become_a_parameter_that_everybody_sees(kfp: StandIn, data: list[str]) -> None:
    for verb in (submit.submit, submit.schedule):
        with pytest.raises(SettingError, match="password or token") as caught:
            verb(settings(kfp, *data))
        assert "secret" not in str(caught.value)
    assert not kfp.runs
    assert not kfp.schedules
