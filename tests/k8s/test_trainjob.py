"""Training in the pods of a TrainJob: the object that is created, and what a pod does, with a strict S3 server."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asl_pkg import contract
from asl_pkg.config.load import load, overrides_of
from asl_pkg.errors import SettingError
from asl_pkg.k8s import trainjob
from asl_pkg.k8s.trainjob import DATASET_FOLDER, TRAINING_FOLDER
from asl_pkg.storage.s3 import s3_client
from asl_pkg.storage.s3_folder import S3Folder
from asl_pkg.train import train
from tests.support.s3_server import free_ports, s3_server
from tests.support.training_fixtures import small_settings

WORK = "s3://training/state/0123"


def pod() -> Any:
    containers = [SimpleNamespace(name="wait", image="argo"), SimpleNamespace(name="main", image="asl-train:1")]
    metadata = SimpleNamespace(name="step", uid="u", namespace="kubeflow")
    return SimpleNamespace(metadata=metadata, spec=SimpleNamespace(containers=containers))


def test_its_pods_are_as_many_as_workers_with_the_image_and_the_settings_of_the_step() -> None:
    settings = small_settings()
    settings.trainer.workers = 3
    job = trainjob.train_job("asl-train-1", pod(), WORK, settings)
    trainer = job["spec"]["trainer"]
    assert (trainer["image"], trainer["numNodes"]) == ("asl-train:1", 3)
    assert trainer["args"][0] == WORK
    assert load(type(settings), trainer["args"][1:]) == settings
    assert job["metadata"]["ownerReferences"][0]["name"] == "step", "it goes when the step's pod goes"


@pytest.mark.parametrize("place", ["", "/some/folder"])
def test_without_a_place_in_s3_it_is_refused(place: str, tmp_path: Path) -> None:
    settings = small_settings()
    settings.checkpoint_uri = place
    with pytest.raises(SettingError, match="s3://"):
        trainjob.run_train_job(settings, "key", tmp_path, tmp_path)


def test_outside_of_a_pipelines_pod_it_is_refused(tmp_path: Path) -> None:
    settings = small_settings()
    settings.checkpoint_uri = WORK
    with pytest.raises(SettingError, match="a TrainJob runs in a pipeline"):
        trainjob.run_train_job(settings, "key", tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("log", "shown", "news"),
    [("", "", []), ("a\nb", "", ["a", "b"]), ("a\nb\nc", "b", ["c"]), ("a\nb", "b", []), ("c\nd", "b", ["c", "d"])],
)
def test_of_a_log_only_what_is_new_is_passed_on(log: str, shown: str, news: list[str]) -> None:
    assert trainjob._news(log, shown) == news


def test_two_pods_train_as_two_workers_here_do_and_the_first_one_keeps_the_result(
    dataset_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # another number sums in another order
    settings = small_settings(epochs=1)
    settings.trainer.workers = 2
    train(settings, dataset_dir, tmp_path / "here")
    with s3_server() as server:
        for name, value in server.items():
            monkeypatch.setenv(name, value)
        s3_client().create_bucket(Bucket="training")
        work = S3Folder.open(WORK)
        work.upload(dataset_dir, DATASET_FOLDER)
        (port,) = free_ports(1)
        command = ["torchrun", "--nnodes=2", "--nproc-per-node=1", "--master-addr=127.0.0.1", f"--master-port={port}"]
        nodes = [
            subprocess.Popen(
                [Path(sys.executable).parent / command[0], *command[1:], f"--node-rank={rank}", "-m",
                 "asl_pkg.trainjob_node", WORK, *overrides_of(settings)],
                cwd=tmp_path, env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
            )
            for rank in range(2)
        ]  # fmt: skip
        assert [node.wait(300) for node in nodes] == [0, 0]
        work.download(TRAINING_FOLDER, tmp_path / "there")
        work.remove()
        assert not list(work.names())
    rows = [
        [row.split(",")[:-1] for row in (tmp_path / place / contract.HISTORY_FILE).read_text().splitlines()]
        for place in ("here", "there")
    ]  # but for the seconds
    assert rows[0] == rows[1]
    assert (tmp_path / "there" / contract.BEST_CHECKPOINT).exists()
