"""What the temperature is fitted on."""

import dataclasses
from pathlib import Path

import torch

from asl_pkg import contract
from asl_pkg.config.schema import FolderData, HandModel, Settings, TrainerSettings
from asl_pkg.data.datamodule import HARDER, ImageData
from asl_pkg.models.classifier import Classifier
from asl_pkg.models.evaluation import calibration_logits, validation_logits
from asl_pkg.models.hand.network import FEATURES
from asl_pkg.pull import pull
from tests.support.making import public_folder


def test_a_network_with_frozen_parts_is_calibrated_on_harder_images_too(tmp_path: Path) -> None:
    source = FolderData(path=str(public_folder(tmp_path / "images", 6)), block_frames=1, guard_frames=0, cache_dir="")
    settings = Settings(data=source)
    pull(settings, tmp_path / "dataset")
    data = ImageData(tmp_path / "dataset", settings.data, seed=3, varied=True)
    data.compute_features(lambda pixels: pixels.float().mean(dim=(1, 2, 3))[:, None].repeat(1, FEATURES))
    model, trainer = dataclasses.asdict(HandModel()), dataclasses.asdict(TrainerSettings())
    classifier = Classifier(
        {"model": model, "trainer": trainer, "temperature": 1.0, "classes": list(contract.CLASSES), "seed": 0}
    ).eval()
    logits, labels = calibration_logits(classifier, data, validation_logits(classifier, data))
    count = len(data.validation_split)
    torch.testing.assert_close(logits[:count], validation_logits(classifier, data))
    with torch.inference_mode():
        torch.testing.assert_close(logits[count:], classifier.classify(data.features[HARDER][0]))
    assert labels.tolist() == 2 * data.validation_split.labels.tolist()
