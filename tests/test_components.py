"""The steps as kfp calls them, and what the UI shows of each."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kfp import dsl

from asl_pkg import contract
from asl_pkg.bundle.bundle import open_bundle
from components.export import export
from components.validate import validate
from tests.support.exported import DIGEST, SIGNERS, Exported

OUTPUTS = {
    "report": dsl.Artifact,
    "metrics": dsl.Metrics,
    "classification": dsl.ClassificationMetrics,
    "page": dsl.HTML,
    "model_card": dsl.Markdown,
}


def artifact(kind: type[dsl.Artifact], path: Path) -> dsl.Artifact:
    return kind(name=path.name, uri=str(path), metadata={})


def gates(store: Path, *further: str) -> dict[str, Any]:
    """Parameters of the step validate."""
    settings = ("data.cache_dir=", "validate.macro_f1_min=0.5", "validate.recall_min=0.1", *further)
    given = {"validate_accuracy_min": 0.5, "validate_settings": " ".join(settings), "deploy_store": str(store)}
    return given | {"champion": "", "signer": "", "code_version": ""}


@pytest.fixture(scope="module")
def training(exported: Exported) -> dsl.Model:
    return artifact(dsl.Model, exported.checkpoint.parent.parent)


@pytest.fixture(scope="module")
def dataset(exported: Exported) -> dsl.Dataset:
    return artifact(dsl.Dataset, exported.dataset)


@pytest.fixture(scope="module")
def shown(
    exported: Exported, training: dsl.Model, dataset: dsl.Dataset, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dsl.Artifact]:
    folder = tmp_path_factory.mktemp("shown")
    outputs = {name: artifact(kind, folder / name) for name, kind in OUTPUTS.items()}
    bundle = artifact(dsl.Model, exported.bundle)
    chosen = gates(folder / "store", "validate.noise_max=0.5") | {"bundle": bundle}
    assert validate.python_func(**chosen, dataset=dataset, training=training, **outputs)
    return outputs


def test_the_scalar_metrics_are_the_reports(shown: dict[str, dsl.Artifact]) -> None:
    figures = shown["metrics"].metadata
    assert (figures["accuracy"], figures["macro_f1"], figures["images"]) == (1, 1, SIGNERS * len(contract.CLASSES))
    assert figures["roc_auc"] > 0.99
    assert all(math.isfinite(figure) for figure in figures.values())


def test_the_roc_curve_has_finite_thresholds_and_runs_from_few_answers_to_all(shown: dict[str, dsl.Artifact]) -> None:
    points = shown["classification"].metadata["confidenceMetrics"]
    assert all(math.isfinite(value) for point in points for value in point.values())
    rates = np.array([[point["falsePositiveRate"], point["recall"]] for point in points])
    assert (np.diff(rates, axis=0) >= 0).all()
    assert rates[-1].tolist() == [1, 1]


def test_the_confusion_matrix_counts_every_test_image_of_every_class(shown: dict[str, dsl.Artifact]) -> None:
    matrix = shown["classification"].metadata["confusionMatrix"]
    assert [specification["displayName"] for specification in matrix["annotationSpecs"]] == list(contract.CLASSES)
    assert [sum(row["row"]) for row in matrix["rows"]] == [SIGNERS] * len(contract.CLASSES)


def test_the_pages_are_the_reports_own_and_need_no_other_file(shown: dict[str, dsl.Artifact]) -> None:
    folder = Path(shown["report"].path)
    assert Path(shown["page"].path).read_text() == (folder / contract.REPORT_PAGE).read_text()
    assert Path(shown["model_card"].path).read_text() == (folder / contract.MODEL_CARD).read_text()


def test_the_report_says_its_release_its_digests_and_the_verdict(
    shown: dict[str, dsl.Artifact], exported: Exported
) -> None:
    said, bundle = shown["report"].metadata, open_bundle(exported.bundle)
    assert (said["release"], said["bundle_digest"], said["dataset_digest"]) == (bundle.release, bundle.digest, DIGEST)
    assert (said["passed"], said["failed"], said["champion"]) == (True, "", "none")
    assert (said["accuracy"], said["images"]) == (1, SIGNERS * len(contract.CLASSES))
    assert said["version"] == contract.IMAGE_VERSION


def test_everything_that_is_shown_can_be_stored_as_json_and_has_a_file(shown: dict[str, dsl.Artifact]) -> None:
    assert json.dumps([artifact.metadata for artifact in shown.values()], allow_nan=False)
    assert all(Path(artifact.path).exists() for artifact in shown.values())


def test_a_bundle_in_int8_is_calibrated_on_the_data_set_that_pull_wrote(
    training: dsl.Model, dataset: dsl.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no data/dataset is
    bundle = artifact(dsl.Model, tmp_path / "bundle")
    export.python_func("export.precision=int8", "", "", dataset, training, bundle)
    made = open_bundle(tmp_path / "bundle")
    assert made.precision == contract.INT8
    said = bundle.metadata
    assert (said["release"], said["digest"], said["dataset_digest"]) == (made.release, made.digest, DIGEST)
    assert (said["precision"], said["version"]) == (contract.INT8, contract.IMAGE_VERSION)


def test_a_damaged_bundle_is_refused_with_nothing_measured(
    exported: Exported, training: dsl.Model, dataset: dsl.Dataset, tmp_path: Path
) -> None:
    damaged = Path(shutil.copytree(exported.bundle, tmp_path / "bundle"))
    (damaged / contract.LABELS_FILE).write_text("A\n")
    outputs = {name: artifact(kind, tmp_path / name) for name, kind in OUTPUTS.items()}
    chosen = gates(tmp_path / "store") | {"bundle": artifact(dsl.Model, damaged)}
    assert not validate.python_func(**chosen, dataset=dataset, training=training, **outputs)
    assert outputs["metrics"].metadata == {}
    assert outputs["report"].metadata["failed"].startswith("integrity")
