"""deploy, with a real Triton as the candidate and a real MLflow as the registry."""

import dataclasses
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asl_pkg import contract
from asl_pkg import deploy as step
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.bundle.store import open_store, release_folder, report_folder, serving_bundle
from asl_pkg.deploy import Release
from asl_pkg.deployment.local import LocalTarget
from asl_pkg.deployment.smoke_test import smoke_test
from asl_pkg.errors import BundleError, GateError, ServingError, SettingError
from asl_pkg.storage.atomic import sha256
from asl_pkg.validate import validate
from tests.support.exported import Exported, promise_otherwise, report_on, settings, sibling


def deploy(bundle_dir: Path, report_dir: Path, store: Path) -> Release:
    return step.deploy(dataclasses.replace(settings(), store=str(store)), bundle_dir, report_dir)


@pytest.fixture(scope="module")
def report(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validated") / "report"
    validate(settings(), exported.bundle, exported.dataset, exported.checkpoint, folder)
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def deployed(exported: Exported, report: Path, work: Path) -> Release:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return deploy(exported.bundle, report, work / "store")


def test_the_release_serves_with_the_report_that_let_it_pass(
    deployed: Release, exported: Exported, report: Path, work: Path
) -> None:
    serving = open_store(str(work / "store")).serving()
    assert serving is not None
    assert serving.release == deployed.release == open_bundle(exported.bundle).release
    assert serving.bundle_digest == sha256(exported.bundle / contract.BUNDLE_FILE)
    assert serving.report_digest == sha256(report / contract.REPORT_FILE)
    assert serving.previous is None
    folder = release_folder(work / "store", deployed.release)
    assert serving_bundle(work / "store") == folder
    assert open_bundle(folder).digest == serving.bundle_digest
    assert (report_folder(work / "store", deployed.release) / contract.GOLDEN_FOLDER / contract.GOLDEN_FILE).is_file()


def test_a_release_larger_than_a_server_may_keep_is_refused(
    deployed: Release, exported: Exported, report: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalTarget, "storage_limit_bytes", lambda _: 1000.0)
    with pytest.raises(ServingError, match="but a pod may store 1,000: raise .*the serving release was not changed"):
        deploy(exported.bundle, report, work / "store")
    serving = open_store(str(work / "store")).serving()
    assert serving is not None
    assert serving.release == deployed.release


def test_the_registry_knows_the_champion(deployed: Release, work: Path) -> None:
    with sqlite3.connect(work / "mlruns" / "mlflow.db") as database:
        alias = database.execute("select name, alias, version from registered_model_aliases").fetchall()
        source = database.execute("select source from model_versions").fetchone()[0]
        tags = dict(database.execute("select key, value from model_version_tags").fetchall())
    assert alias == [(contract.MLFLOW_MODEL, contract.MLFLOW_ALIAS, int(deployed.version or 0))]
    assert source == deployed.uri == release_folder(work / "store", deployed.release).as_uri()
    assert tags["bundle_digest"] == sha256(release_folder(work / "store", deployed.release) / contract.BUNDLE_FILE)


def unpassed(report: Path) -> None:
    body = json.loads((report / contract.REPORT_FILE).read_text())
    gate = next(gate for gate in body["gates"] if gate["name"] == "recall")
    gate.update(measured=0.1, passed=False)
    (report / contract.REPORT_FILE).write_text(json.dumps(body | {"passed": False}))


def talked_up(report: Path) -> None:
    unpassed(report)
    body = json.loads((report / contract.REPORT_FILE).read_text())
    (report / contract.REPORT_FILE).write_text(json.dumps(body | {"passed": True}))


def of_another_bundle(report: Path) -> None:
    body = json.loads((report / contract.REPORT_FILE).read_text())
    (report / contract.REPORT_FILE).write_text(json.dumps(body | {"bundle_digest": "0" * 64}))


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (shutil.rmtree, BundleError, "no report in .*`asl validate`"),
        (unpassed, GateError, "failed gates: recall"),
        (talked_up, BundleError, "contradicts its numbers"),
        (of_another_bundle, BundleError, "is on bundle 000000000000"),
    ],
)
def test_a_report_that_does_not_allow_it_stops_the_deploy_before_anything_is_stored(
    exported: Exported, report: Path, tmp_path: Path, damage: Callable[[Path], object], error: type, said: str
) -> None:
    shutil.copytree(report, tmp_path / "report")
    damage(tmp_path / "report")
    with pytest.raises(error, match=said):
        deploy(exported.bundle, tmp_path / "report", tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_damaged_bundle_is_not_stored(exported: Exported, report: Path, tmp_path: Path) -> None:
    shutil.copytree(exported.bundle, tmp_path / "bundle")
    (tmp_path / "bundle" / contract.LABELS_FILE).write_text("A\n")
    with pytest.raises(BundleError, match=f"changed {contract.LABELS_FILE}"):
        deploy(tmp_path / "bundle", report, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_candidate_that_answers_otherwise_leaves_what_serves(
    deployed: Release, exported: Exported, report: Path, work: Path, tmp_path: Path
) -> None:
    """The store serves an older release; the new one's golden set promises answers that Triton does not give."""
    store = tmp_path / "store"
    shutil.copytree(work / "store", store)
    before = (store / contract.KUBERNETES_NAME / contract.SERVING_FILE).read_bytes()
    shutil.rmtree(release_folder(store, deployed.release))
    shutil.rmtree(report_folder(store, deployed.release))
    shutil.copytree(report, tmp_path / "report")
    promise_otherwise(tmp_path / "report")
    with pytest.raises(ServingError, match="1 of 29 golden images differ.*was not changed"):
        deploy(exported.bundle, tmp_path / "report", store)
    assert (store / contract.KUBERNETES_NAME / contract.SERVING_FILE).read_bytes() == before


def test_deploying_again_changes_nothing_and_a_registry_that_is_down_costs_a_warning(
    deployed: Release, exported: Exported, report: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    before = open_store(str(work / "store")).serving()
    with pytest.warns(UserWarning, match="the release serves, but it was not registered in MLflow"):
        again = deploy(exported.bundle, report, work / "store")
    assert open_store(str(work / "store")).serving() == before
    assert again == dataclasses.replace(deployed, latency_ms=again.latency_ms, version=None)


def test_what_serves_already_is_asked_again_where_it_serves_without_a_candidate(
    deployed: Release, exported: Exported, report: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def accepted(url: str, *arguments: Any) -> float:
        asked.append(url)
        return smoke_test(url, *arguments)

    monkeypatch.setattr(step, "smoke_test", accepted)
    deploy(exported.bundle, report, work / "store")
    assert len(asked) == 1


def test_a_release_that_was_changed_in_the_store_is_not_served(
    deployed: Release, exported: Exported, report: Path, work: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(work / "store", store)
    (release_folder(store, deployed.release) / contract.LABELS_FILE).write_text("A\n")
    with pytest.raises(BundleError, match="the store's copy is damaged: .*remove "):
        deploy(exported.bundle, report, store)


@pytest.fixture(scope="module")
def second(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sibling(exported.bundle, tmp_path_factory.mktemp("second") / "bundle")


def test_a_second_release_takes_over_and_rollback_brings_the_first_back_without_a_registry(
    deployed: Release,
    exported: Exported,
    second: Path,
    report: Path,
    work: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = tmp_path / "store"
    shutil.copytree(work / "store", store)
    monkeypatch.chdir(tmp_path)
    first = open_bundle(exported.bundle).digest
    stale = report_on(second, report, tmp_path / "stale", None)
    with pytest.raises(GateError, match=f"compares with no model, but {first[:12]} serves"):
        deploy(second, stale, store)
    current = report_on(second, report, tmp_path / "current", first)
    assert deploy(second, current, store).previous == deployed.release

    chosen = dataclasses.replace(settings(), store=str(store))
    assert {(listed.release, listed.role) for listed in step.releases(chosen)} == {
        (open_bundle(second).release, "serves"),
        (deployed.release, "previous"),
    }
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="not registered in MLflow"):
        back = step.rollback(chosen)
    assert (back.release, back.previous) == (deployed.release, open_bundle(second).release)
    assert serving_bundle(store) == release_folder(store, deployed.release)


def test_an_error_after_the_switch_restores_what_served(deployed: Release, work: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(work / "store", store)
    place = LocalTarget(open_store(str(store)))
    before = place.serving()
    assert before is not None
    with (
        pytest.raises(ServingError, match="an image"),
        place.promote(dataclasses.replace(before, previous="0" * 12), before),
    ):
        raise ServingError("an image is answered otherwise")
    assert place.serving() == before


def test_a_deploy_beside_another_one_does_not_switch(deployed: Release, work: Path) -> None:
    place = LocalTarget(open_store(str(work / "store")))
    with (
        pytest.raises(ServingError, match="another deploy changed the serving release"),
        place.promote(open_store(str(work / "store")).serving(), None),
    ):
        pass


def test_there_is_nothing_to_go_back_to_before_a_second_release(deployed: Release, work: Path) -> None:
    chosen = dataclasses.replace(settings(), store=str(work / "store"))
    with pytest.raises(ServingError, match="no previous release"):
        step.rollback(chosen)
    with pytest.raises(BundleError, match="0 releases .* begin with ffff"):
        step.rollback(chosen, "ffff")


def test_a_folder_has_no_inference_service(exported: Exported, report: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="needs store=s3://"):
        step.manifest(dataclasses.replace(settings(), store=str(tmp_path)), exported.bundle, report)
