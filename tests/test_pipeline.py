"""The pipeline: compiled form current, settings find their parameters, a failing gate stops before deploy."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from asl_pkg import contract, pipeline
from asl_pkg.config.load import walk
from asl_pkg.config.schema import DvcData, FolderData, HttpData, PipelineSettings, S3Data
from asl_pkg.errors import AslError, SettingError
from asl_pkg.orchestration import compiled
from asl_pkg.orchestration.images import content_tag
from pipelines.pods import DEADLINES_S, MEMORY_REQUEST, RUN_DEADLINE_S

HEAVY = ("pull", "train", "export", "validate")
PLACEHOLDER = re.compile(r"inputs\.parameters\['([^']+)'\]")


def test_the_committed_yaml_is_what_the_code_compiles_to(tmp_path: Path) -> None:
    assert pipeline.compile_pipeline(tmp_path / "asl.yaml").read_text() == pipeline.COMPILED.read_text()


def test_compiled_for_another_registry_the_form_shows_the_settings_and_kfp_reads_it(tmp_path: Path) -> None:
    from kfp import components

    chosen = ["pod.registry=registry.example.com/team", "pod.data_image=mine:1", "store=s3://letters/store"]
    made = pipeline.compile_pipeline(tmp_path / "asl.yaml", [*chosen, "trainer.workers=2", "trainer.max_epochs=3"])
    graph, _ = compiled.read_compiled(made)
    fields = graph["root"]["inputDefinitions"]["parameters"]
    shown = {name: fields[name]["defaultValue"] for name in ("deploy_store", "train_settings", "train_max_epochs")}
    assert shown == {
        "deploy_store": "s3://letters/store", "train_settings": "trainer.workers=2", "train_max_epochs": 3,
    }  # fmt: skip
    images = {step: container["image"] for step, container in compiled.executors([graph]).items()}
    assert images.pop("pull") == "mine:1"
    assert set(images.values()) == {f"registry.example.com/team/asl-train:{content_tag('train')}"}
    assert components.load_component_from_file(str(made)).name == "asl"
    assert pipeline.compile_pipeline(made) == made, "a file of ours is replaced"


@pytest.mark.parametrize(
    "setting", ["trainer.max_epoch=3", "bundle_dir=models/bundle", "data=https://ann:secret@example.org/a.zip"]
)
def test_a_setting_that_cannot_be_compiled_in_is_refused_and_nothing_is_written(tmp_path: Path, setting: str) -> None:
    with pytest.raises(SettingError, match=setting.partition("=")[0]):
        pipeline.compile_pipeline(tmp_path / "asl.yaml", [setting])
    assert not list(tmp_path.iterdir())


def test_nothing_is_installed_when_a_step_starts() -> None:
    assert "pip install" not in pipeline.COMPILED.read_text()


def specification() -> tuple[dict[str, Any], dict[str, Any]]:
    """The graph, and what of each step is Kubernetes' alone."""
    graph, platform = yaml.safe_load_all(pipeline.COMPILED.read_text())
    return graph, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def groups(graph: dict[str, Any]) -> Iterator[tuple[set[str], dict[str, Any]]]:
    """Each group of tasks, with the inputs that it has."""
    for component in (graph["root"], *graph["components"].values()):
        if "dag" in component:
            inputs = component.get("inputDefinitions", {})
            yield {name for kind in inputs.values() for name in kind}, component["dag"]["tasks"]


def test_whatever_a_step_asks_of_its_group_the_group_has() -> None:
    graph, _ = specification()
    for known, tasks in groups(graph):
        for name, task in tasks.items():
            given = task.get("inputs", {}).get("parameters", {})
            asked = {value["componentInputParameter"] for value in given.values() if "componentInputParameter" in value}
            assert asked <= known, name
            constants = (value["runtimeValue"]["constant"] for value in given.values() if "runtimeValue" in value)
            placed = {found for constant in constants for found in PLACEHOLDER.findall(str(constant))}
            assert placed <= given.keys(), name


def test_every_step_has_the_released_image_a_request_and_limits_and_the_heavy_ones_by_parameter() -> None:
    graph, _ = specification()
    for name, executor in graph["deploymentSpec"]["executors"].items():
        container = executor["container"]
        image = contract.DATA_IMAGE if name == "exec-pull" else contract.TRAIN_IMAGE
        assert container["image"] == f"{contract.KIND_REGISTRY}/{image}:{contract.IMAGE_VERSION}"
        resources = container["resources"]
        assert resources["resourceCpuRequest"]
        assert resources["resourceMemoryRequest"] == MEMORY_REQUEST
        heavy = name.removeprefix("exec-") in HEAVY
        limits = ("--pod_cpu" in resources["resourceCpuLimit"], "--pod_memory" in resources["resourceMemoryLimit"])
        assert limits == (heavy, heavy)
        assert ("accelerator" in resources) == (name == "exec-train")


def test_a_step_and_a_run_end_by_themselves_and_a_run_is_kept_for_a_week() -> None:
    _, executors = specification()
    assert {name.removeprefix("exec-") for name in executors} == set(DEADLINES_S)
    for name, executor in executors.items():
        assert int(executor["activeDeadlineSeconds"]) == DEADLINES_S[name.removeprefix("exec-")] < RUN_DEADLINE_S
    _, platform = yaml.safe_load_all(pipeline.COMPILED.read_text())
    config = platform["platforms"]["kubernetes"]
    assert int(config["pipelineConfig"]["activeDeadlineSeconds"]) == RUN_DEADLINE_S
    ends = ("Completion", "Success", "Failure")
    assert {int(config["pipelineConfig"][f"resourceTtlOn{end}"]) for end in ends} == {7 * 24 * 3600}


def test_every_step_gets_settings_and_keys_where_they_exist_and_shared_memory() -> None:
    graph, executors = specification()
    assert executors.keys() == graph["deploymentSpec"]["executors"].keys()
    for executor in executors.values():
        (settings,), (keys,), (memory,) = (
            executor["configMapAsEnv"],
            executor["secretAsEnv"],
            executor["emptyDirMounts"],
        )
        assert (settings["configMapName"], settings["optional"]) == (contract.SETTINGS_CONFIG_MAP, True)
        assert (keys["secretName"], keys["optional"]) == (contract.S3_SECRET, True)
        assert (memory["mountPath"], memory["medium"]) == ("/dev/shm", "Memory")
        (public,) = executor["configMapAsVolume"]
        assert (public["configMapName"], public["mountPath"], public["optional"]) == (
            contract.PUBLIC_KEY_CONFIG_MAP,
            contract.PUBLIC_KEY_FOLDER,
            True,
        )


def test_only_deploy_may_change_what_serves_and_only_export_and_validate_sign() -> None:
    _, executors = specification()
    mounted = [
        (name, found["secretName"])
        for name, executor in executors.items()
        for found in executor.get("secretAsVolume", [])
    ]
    assert sorted(mounted) == [
        ("exec-deploy", contract.DEPLOYER_TOKEN),
        ("exec-export", contract.SIGNING_KEY_SECRET),
        ("exec-validate", contract.SIGNING_KEY_SECRET),
    ]


def test_what_may_fail_by_bad_luck_is_tried_again_later_and_later() -> None:
    graph, _ = specification()
    tasks = {name: task for _, found in groups(graph) for name, task in found.items()}
    assert {name for name, task in tasks.items() if "retryPolicy" in task} == {"pull", "train", "deploy"}
    policy = tasks["train"]["retryPolicy"]
    assert (policy["backoffDuration"], policy["backoffFactor"], policy["maxRetryCount"]) == ("30s", 2, 2)
    assert policy["backoffMaxDuration"] == "604800s"  # of all attempts: a day of training must not use it up


def test_kfps_own_loader_reads_the_compiled_pipeline() -> None:
    from kfp import components

    loaded = components.load_component_from_file(str(pipeline.COMPILED))
    assert loaded.name == "asl"
    assert loaded.platform_spec.platforms["kubernetes"]


def test_every_setting_of_training_has_a_parameter_or_is_refused() -> None:
    for name, _ in walk(PipelineSettings):
        try:
            assert pipeline.parameters([f"{name}=1"]) or pipeline.HOW & {name, f"{name.partition('.')[0]}."}
        except SettingError:
            assert name.endswith(("_dir", "_path")) or name == "to"


def test_settings_reach_the_step_that_reads_them() -> None:
    overrides = ["data=archive", "data.path=my letters.zip", "data.batch_size=8", "seed=3", "validate.recall_min=0.1"]
    overrides += ["validate.unsure_max=0.2", "pod.accelerator_count=1", "deploy.name=letters", "cache=false"]
    overrides += ["trainer.max_epochs=2", "trainer.trainjob=yes", "pod.data_image=mine", "validate.accuracy_min=1"]
    assert pipeline.parameters(overrides) == {
        "data_source": "archive",
        "data_settings": "'data.path=my letters.zip'",
        "train_max_epochs": 2,
        "train_settings": "data.batch_size=8 trainer.trainjob=yes",
        "seed": 3,
        "validate_accuracy_min": 1.0,
        "validate_settings": "validate.recall_min=0.1 validate.unsure_max=0.2",
        "pod_gpus": "1",
        "deploy_settings": "deploy.name=letters",
    }


def test_of_a_setting_that_is_given_twice_the_last_value_counts() -> None:
    overrides = ["model.dropout=0.1", "seed=3", "model.dropout=0.2", "seed=4"]
    assert pipeline.parameters(overrides) == {"train_settings": "model.dropout=0.2", "seed": 4}
    assert pipeline.parameters(["model.width=8"]) == {"train_model": "baseline", "train_settings": "model.width=8"}


def test_a_changed_folder_or_table_has_another_version(tmp_path: Path) -> None:
    folder, table = tmp_path / "A", tmp_path / "signers.csv"
    folder.mkdir()
    versions = [pipeline.source_version(FolderData(path=str(folder), signers_csv=str(table)))]
    for file in (folder / "A1.jpg", table):
        file.write_bytes(b"one")
        versions.append(pipeline.source_version(FolderData(path=str(folder), signers_csv=str(table))))
    assert len(set(versions)) == 3
    assert pipeline.source_version(FolderData(path=str(folder), signers_csv=str(table))) == versions[-1]


def test_a_remote_source_is_taken_from_the_cache_only_where_a_digest_or_commit_pins_it() -> None:
    pinned = [HttpData(path="https://host/a.zip", sha256="ab" * 32), DvcData(path="a", revision="0" * 40)]
    assert [pipeline.source_version(source) for source in pinned] == ["ab" * 32, "0" * 40]
    for data in (HttpData(path="https://host/a.zip"), S3Data(path="s3://b/p"), DvcData(path="a", revision="main")):
        assert pipeline.source_version(data) != pipeline.source_version(data)


TINY = [
    "data.train_signers=2", "data.validation_signers=1", "data.test_signers=2", "data.frames=1",
    "trainer.max_epochs=1", "model=baseline", "model.width=4",
]  # fmt: skip


def test_a_model_that_fails_its_gates_is_refused_by_name_and_nothing_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AslError, match="accuracy"):
        pipeline.run(TINY, tmp_path / "runs")
    shown = capsys.readouterr().out
    assert "── refuse" in shown
    assert "── deploy" not in shown
    assert "── finish" in shown
    assert "the run ended FAILED" in shown
    assert not (tmp_path / "models").exists()
    assert json.loads((tmp_path / "runs/validate/report.json").read_text())["passed"] is False


def test_a_model_that_passes_is_deployed_and_a_second_run_takes_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lenient = ["accuracy_min=0", "macro_f1_min=0", "recall_min=0", "calibration_error_max=1", "resamples=100"]
    lenient += ["worst_group_min=0", "unsure_max=1", "stability_min=0", "empty_scenes_min=0", "noise_max=1"]
    lenient += ["latency_max=1000"]  # of a machine that does much else
    overrides = [*TINY, *(f"validate.{setting}" for setting in lenient)]
    results = pipeline.run(overrides, tmp_path / "runs")
    serving = json.loads((tmp_path / "models/store/asl-model/serving.json").read_text())
    bundle = json.loads((results["export"] / "bundle.json").read_text())
    assert bundle["model_digest"].startswith(serving["release"])
    assert "pipeline run succeeded" in capsys.readouterr().out
    assert pipeline.run(overrides, tmp_path / "runs") == results
    shown = capsys.readouterr().out
    assert [f"── {step} (taken from the cache)" in shown for step in ("pull", "train", "export", "validate")] == [
        True
    ] * 4
