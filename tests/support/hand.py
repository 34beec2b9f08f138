"""A bundle of HandNetwork whose classifiers are not trained: it finds hands, and guesses letters."""

import dataclasses
from pathlib import Path

import torch

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.config.schema import HandModel, Settings, TrainerSettings
from asl_pkg.export import export
from asl_pkg.models.classifier import Classifier


def hand_bundle(folder: Path) -> Bundle:
    """Write a checkpoint and its bundle into a folder."""
    torch.manual_seed(0)
    hyper_parameters = {
        "model": dataclasses.asdict(HandModel()),
        "trainer": dataclasses.asdict(TrainerSettings()),
        "temperature": 1.0,
        "classes": list(contract.CLASSES),
        "contract_version": contract.HAND_CONTRACT_VERSION,
        "dataset_digest": "0" * 64,
        "commit": "unknown",
        "run_id": "0",
        "seed": 0,
    }
    checkpoint = folder / "training" / contract.BEST_CHECKPOINT
    checkpoint.parent.mkdir(parents=True)
    made = Classifier(hyper_parameters)
    torch.save({"hyper_parameters": hyper_parameters, "state_dict": made.state_dict()}, checkpoint)
    return export(Settings(), checkpoint, folder / "bundle")
