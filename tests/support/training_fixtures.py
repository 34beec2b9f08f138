"""A small data set, and one training on it that several tests look at."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asl_pkg import contract
from asl_pkg.config.schema import BaselineModel, FolderData, TrainerSettings, TrainSettings

FRAMES = 8


@pytest.fixture(scope="session")
def dataset_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """29 classes, told apart by colour and by which corner is dark."""
    from asl_pkg.pull import pull  # with numba, which most tests need not load

    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(1)
    for label, name in enumerate(contract.CLASSES):
        colour = np.random.default_rng(label).integers(40, 216, 3)
        (folder / name).mkdir()
        for frame in range(FRAMES):
            pixels = np.clip(colour + rng.normal(0, 10, (64, 64, 3)), 0, 255).astype(np.uint8)
            pixels[(label % 4 // 2) * 32 :][:32, (label % 2) * 32 :][:, :32] //= 3
            Image.fromarray(pixels).save(folder / name / f"{name}{frame}.png")
    target = tmp_path_factory.mktemp("data") / "dataset"
    data = FolderData(path=str(folder), block_frames=1, guard_frames=0, validation_share=0.25, test_share=0.25)
    pull(TrainSettings(data=data), target)
    return target


def small_settings(seed: int = 3, epochs: int = 2) -> TrainSettings:
    """A training of a second or two."""
    return TrainSettings(
        seed=seed,
        data=FolderData(batch_size=32, cache_dir=""),
        model=BaselineModel(width=4),
        trainer=TrainerSettings(max_epochs=epochs, accelerator="cpu", learning_rate=0.01),
    )


@dataclass(frozen=True)
class Training:
    """What one training left."""

    folder: Path
    work: Path
    metrics: dict[str, float]


@pytest.fixture(scope="session")
def training(dataset_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """One training, run in a folder of its own."""
    from asl_pkg.train import train  # with torch

    work = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("ASL_COMMIT", "c0ffee")
        metrics = train(small_settings(), dataset_dir, work / "models", work / "plots")
    return Training(work / "models", work, metrics)


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with the embedded MLflow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path
