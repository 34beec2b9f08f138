"""The pipeline: compiled form current, settings find their parameters, a failing gate stops before deploy."""

import json
from pathlib import Path

import pytest
import yaml

from asl_pkg import pipeline
from asl_pkg.config import DvcData, FolderData, HttpData, S3Data, TrainSettings
from asl_pkg.errors import AslError, SettingError
from asl_pkg.settings import walk


def test_the_committed_yaml_is_what_the_code_compiles_to(tmp_path: Path) -> None:
    assert pipeline.compile_pipeline(tmp_path / "asl.yaml").read_text() == pipeline.COMPILED.read_text()


def test_every_parameter_is_described_and_nothing_is_installed_when_a_step_starts() -> None:
    text = pipeline.COMPILED.read_text()
    spec = next(yaml.safe_load_all(text))
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert all(one.get("description") for one in parameters.values())
    assert "pip install" not in text


def test_every_setting_of_training_has_a_parameter_or_is_refused() -> None:
    for name, _ in walk(TrainSettings):
        try:
            assert pipeline.parameters([f"{name}=1"])
        except SettingError:
            assert name.endswith(("_dir", "_path")) or name == "to"


def test_settings_reach_the_step_that_reads_them() -> None:
    overrides = ["data=archive", "data.path=a.zip", "data.batch_size=8", "seed=3", "validate.recall_min=0.1"]
    assert pipeline.parameters(overrides) == {
        "data": "archive",
        "data_settings": ["data.path=a.zip"],
        "train_settings": ["data.batch_size=8"],
        "seed": 3,
        "validate_settings": ["validate.recall_min=0.1"],
    }


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
    assert [pipeline.source_version(one) for one in pinned] == ["ab" * 32, "0" * 40]
    for data in (HttpData(path="https://host/a.zip"), S3Data(path="s3://b/p"), DvcData(path="a", revision="main")):
        assert pipeline.source_version(data) != pipeline.source_version(data)


TINY = [
    "data.train_signers=2", "data.validation_signers=1", "data.test_signers=2", "data.frames=1",
    "trainer.max_epochs=1", "model.width=4",
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
    assert not (tmp_path / "models").exists()


def test_a_model_that_passes_is_deployed_and_a_second_run_takes_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lenient = ["accuracy_min=0", "macro_f1_min=0", "recall_min=0", "calibration_error_max=1", "resamples=100"]
    lenient += ["worst_group_min=0", "unsure_max=1", "stability_min=0", "empty_scenes_min=0", "noise_max=1"]
    lenient += ["latency_max=1000"]  # of a machine that does much else
    overrides = [*TINY, *(f"validate.{one}" for one in lenient)]
    results = pipeline.run(overrides, tmp_path / "runs")
    serving = json.loads((tmp_path / "models/store/asl-model/serving.json").read_text())
    bundle = json.loads((results["export"] / "bundle.json").read_text())
    assert bundle["model_digest"].startswith(serving["release"])
    capsys.readouterr()
    assert pipeline.run(overrides, tmp_path / "runs") == results
    shown = capsys.readouterr().out
    assert [f"── {step} (taken from the cache)" in shown for step in ("pull", "train", "export", "validate")] == [
        True
    ] * 4
