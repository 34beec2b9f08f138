"""Checkpoints load as they were saved, and nothing else is accepted as one."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from asl_pkg import contract
from asl_pkg.errors import BundleError
from asl_pkg.models import load_checkpoint
from asl_pkg.models.checkpoint import set_temperature
from asl_pkg.models.export_module import ExportModule
from tests.support.training_fixtures import Training


@pytest.fixture
def checkpoint(training: Training) -> dict[str, Any]:
    """What a good checkpoint holds."""
    return dict(torch.load(training.folder / contract.BEST_CHECKPOINT, weights_only=True))


@pytest.mark.parametrize("name", [contract.BEST_CHECKPOINT, contract.LAST_CHECKPOINT])
def test_a_checkpoint_of_a_training_loads(training: Training, name: str) -> None:
    classifier = load_checkpoint(training.folder / name)
    assert not classifier.training
    assert classifier.temperature != 1.0
    assert classifier.hparams["commit"] == "c0ffee"
    assert len(classifier.hparams["dataset_digest"]) == 64


def test_served_divides_by_the_temperature_and_gives_probabilities(training: Training) -> None:
    classifier = load_checkpoint(training.folder / contract.BEST_CHECKPOINT)
    pixels = torch.randint(0, 256, (3, contract.IMAGE_PX, contract.IMAGE_PX, 3), dtype=torch.uint8)
    with torch.inference_mode():
        probabilities = ExportModule(classifier).eval()(pixels)
        expected = torch.softmax(classifier(pixels) / classifier.temperature, dim=1)
    torch.testing.assert_close(probabilities, expected)
    assert probabilities.dtype == torch.float32


def test_a_new_temperature_changes_nothing_else(checkpoint: dict[str, Any], tmp_path: Path) -> None:
    torch.save(checkpoint, tmp_path / "best.ckpt")
    set_temperature(tmp_path / "best.ckpt", 2.5)
    after = load_checkpoint(tmp_path / "best.ckpt")
    assert after.temperature == 2.5
    assert all(torch.equal(value, checkpoint["state_dict"][name]) for name, value in after.state_dict().items())


class Bomb:
    """Runs code when an ordinary unpickler reads it."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return Path.touch, (Path("exploded"),)  # type: ignore[return-value]


def test_a_foreign_pickle_is_refused_and_never_run(in_tmp_path: Path) -> None:
    (in_tmp_path / "raw.ckpt").write_bytes(pickle.dumps(Bomb(), protocol=2))
    torch.save({"state_dict": {}, "hyper_parameters": {"bomb": Bomb()}}, in_tmp_path / "zip.ckpt")
    for path in (in_tmp_path / "raw.ckpt", in_tmp_path / "zip.ckpt"):
        with pytest.raises(BundleError, match="damaged or not a checkpoint.*asl train"):
            load_checkpoint(path)
    assert not (in_tmp_path / "exploded").exists()


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no checkpoint in.*asl train"):
        load_checkpoint(tmp_path / "none.ckpt")


@pytest.mark.parametrize("kept", [0, 100, 5_000, -100], ids=["empty", "head", "half", "without its end"])
def test_a_truncated_checkpoint_is_refused(training: Training, tmp_path: Path, kept: int) -> None:
    content = (training.folder / contract.BEST_CHECKPOINT).read_bytes()
    (tmp_path / "best.ckpt").write_bytes(content[:kept])
    with pytest.raises(BundleError, match="damaged"):
        load_checkpoint(tmp_path / "best.ckpt")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("contract_version", 99),
        ("classes", ["A", "B"]),
        ("model", {"name": "baseline", "width": 8, "dropout": 0.0}),
        ("model", {"name": "perceptron"}),
        ("trainer", {"unknown": 1}),
    ],
    ids=["contract", "classes", "another size", "another network", "another trainer"],
)
def test_a_checkpoint_of_something_else_is_refused(
    checkpoint: dict[str, Any], tmp_path: Path, name: str, value: object
) -> None:
    torch.save(checkpoint | {"hyper_parameters": checkpoint["hyper_parameters"] | {name: value}}, tmp_path / "a.ckpt")
    with pytest.raises(BundleError, match="asl train") as caught:
        load_checkpoint(tmp_path / "a.ckpt")
    assert "\n" not in str(caught.value)
