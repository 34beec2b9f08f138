"""Several processes train the same weights as one, and only the first writes."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from asl_pkg import contract, distributed
from asl_pkg.config.schema import ResNetModel, TrainSettings
from asl_pkg.data.datamodule import Batches
from asl_pkg.data.dataset import read_split
from asl_pkg.errors import AslError
from asl_pkg.models.factory import build
from asl_pkg.train import train
from tests.support.training_fixtures import small_settings

TOGETHER = 2
IMAGES = 8


def gradients(target: Path) -> None:
    """Write the gradients of one batch, computed by however many processes there are."""
    if distributed.is_distributed():
        torch.distributed.init_process_group("gloo")
    torch.manual_seed(0)
    network = build(ResNetModel(weights="")).double().eval()  # batch norms use the statistics that they have
    images, labels = torch.rand(IMAGES, 3, 64, 64, dtype=torch.float64), torch.arange(IMAGES)
    (rows,) = Batches(IMAGES, IMAGES, seed=1)
    learning = DistributedDataParallel(network) if distributed.is_distributed() else network
    functional.cross_entropy(learning(images[rows]), labels[rows], label_smoothing=0.05).backward()
    if distributed.is_first():
        torch.save([parameter.grad for parameter in network.parameters()], target)
    if distributed.is_distributed():
        torch.distributed.destroy_process_group()


def test_two_processes_compute_the_gradients_of_one(tmp_path: Path) -> None:
    gradients(tmp_path / "alone")
    distributed.launch(TOGETHER, gradients, tmp_path / "together")
    alone, together = (torch.load(tmp_path / name) for name in ("alone", "together"))
    for gradient, other in zip(alone, together, strict=True):
        assert torch.linalg.vector_norm(gradient - other) <= 1e-6 * torch.linalg.vector_norm(gradient)


@pytest.mark.parametrize("count", [TOGETHER, 3])
def test_the_parts_of_a_batch_are_equal_and_apart_and_miss_fewer_images_than_there_are_workers(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(Batches(100, 32, seed=1))
    parts = []
    for number in range(count):
        monkeypatch.setattr("asl_pkg.data.datamodule.rank_and_world_size", lambda number=number: (number, count))
        parts.append(list(Batches(100, 32, seed=1)))
    for batch, *shares in zip(whole, *parts, strict=True):
        assert len({len(share) for share in shares}) == 1
        learnt = np.concatenate(shares)
        assert len(set(learnt)) == len(learnt)
        assert set(learnt) <= set(batch)
        assert len(batch) - len(learnt) < count


def test_every_image_is_validated_by_one_of_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    validated: list[int] = []
    for number in range(TOGETHER):
        monkeypatch.setattr("asl_pkg.data.datamodule.rank_and_world_size", lambda number=number: (number, TOGETHER))
        validated.extend(np.concatenate(list(Batches(101, 32))))
    assert sorted(validated) == list(range(101))


def with_workers(**trainer: object) -> TrainSettings:
    settings = small_settings()
    settings.trainer.workers = TOGETHER
    for name, value in trainer.items():
        setattr(settings.trainer, name, value)
    return settings


def test_a_training_of_two_workers_leaves_what_one_leaves(dataset_dir: Path, in_tmp_path: Path) -> None:
    settings = with_workers()
    settings.data.batch_size = 58  # half of what there is to learn from: no batch is odd
    metrics = train(settings, dataset_dir, in_tmp_path / "models", in_tmp_path / "plots")
    assert metrics == json.loads((in_tmp_path / "models" / contract.METRICS_FILE).read_text())
    assert metrics["epochs"] == 2
    learnt = read_split(dataset_dir, "train", ["sha256"])["sha256"].to_pylist()
    seen = pyarrow.parquet.read_table(in_tmp_path / "models" / contract.SEEN_FILE)["sha256"].to_pylist()
    assert set(seen) == set(learnt)
    assert (in_tmp_path / "models" / contract.BEST_CHECKPOINT).is_file()
    assert not list((in_tmp_path / "models").glob(".training-*"))


def test_the_error_of_a_worker_is_one_line(dataset_dir: Path, in_tmp_path: Path) -> None:
    with pytest.raises(AslError, match=r"^worker \d of 2: SettingError: trainer.sync_batchnorm=true: .*$"):
        train(with_workers(sync_batchnorm=True), dataset_dir, in_tmp_path / "models")
    assert not list((in_tmp_path / "models").glob("*"))
