"""The network, with its loss, metrics and optimizer for training."""

from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import nn
from torch.nn import functional
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from asl_pkg import contract
from asl_pkg.class_sets import known_classes
from asl_pkg.config.schema import GROUPS, TrainerSettings
from asl_pkg.data.datamodule import Batch
from asl_pkg.models.baseline import BaselineCNN
from asl_pkg.models.factory import build
from asl_pkg.models.hand.network import HandNetwork
from asl_pkg.models.mask import Mask
from asl_pkg.models.normalise import Normalise

LANDMARKS_WEIGHT = 5.0  # makes the misses, some hundredths of the image, as large as the loss of the letters


class Classifier(LightningModule):
    """A network, its loss, metrics and optimizer.

    Args:
        hyper_parameters: A plain dict, since it goes into the checkpoint: model and trainer (the settings as dicts),
            temperature, classes, known_classes, contract_version, dataset_digest, commit, run_id, seed.
    """

    def __init__(self, hyper_parameters: dict[str, Any]) -> None:
        super().__init__()
        self.save_hyperparameters(hyper_parameters)
        model = hyper_parameters["model"]
        self.settings = TrainerSettings(**hyper_parameters["trainer"])
        self.normalise = Normalise()
        self.mask = Mask(known_classes(hyper_parameters))
        self.network: nn.Module = build(GROUPS["model"][model["name"]](**model))
        self.train_accuracy = MulticlassAccuracy(len(contract.CLASSES), average="micro")
        self.validation_accuracy = MulticlassAccuracy(len(contract.CLASSES), average="micro")

    @property
    def temperature(self) -> float:
        """Divisor of the logits before the softmax."""
        return float(self.hparams["temperature"])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Classify uint8 [n, 200, 200, 3] -> logits float [n, 29], not yet divided by the temperature."""
        logits: torch.Tensor = self.mask(self.network(self.normalise(pixels)))
        return logits

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Classify features of HandNetwork's frozen parts, float [n, features] -> logits as of `forward`."""
        assert isinstance(self.network, HandNetwork)
        logits: torch.Tensor = self.mask(self.network.classify(features))
        return logits

    def on_train_epoch_start(self) -> None:
        """Make dropout and the like depend on seed and epoch only, so that a resumed run is the same."""
        torch.manual_seed(self.hparams["seed"] + 1_000_003 * self.current_epoch + 10_007 * self.global_rank)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Loss of one batch, with label smoothing."""
        logits, loss = self._learn(batch)
        self.train_accuracy(self.mask(logits), batch.labels)
        self._log({"train_loss": self._loss(logits, batch.labels), "train_accuracy": self.train_accuracy}, len(logits))
        return loss

    def _learn(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, and the loss that training minimises."""
        if isinstance(self.network, HandNetwork):
            assert batch.features is not None
            shape, pixels = self.network.learn(batch.features)
            return (shape + pixels) / 2, self._loss(shape, batch.labels) + self._loss(pixels, batch.labels)
        images = self.normalise(batch.pixels)
        if isinstance(self.network, BaselineCNN):
            logits, misses = self.network.learn(images, batch.landmarks)
            return logits, self._loss(logits, batch.labels) + LANDMARKS_WEIGHT * misses
        logits = self.network(images)
        return logits, self._loss(logits, batch.labels)

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(
            *self.mask.narrowed(logits, labels), label_smoothing=self.settings.label_smoothing
        )

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Negative log-likelihood of one batch, without label smoothing: comparable whatever the setting."""
        logits = self(batch.pixels) if batch.features is None else self.classify(batch.features)
        loss = functional.cross_entropy(logits, batch.labels)
        self.validation_accuracy(logits, batch.labels)
        self._log({"validation_loss": loss, "validation_accuracy": self.validation_accuracy}, len(logits))

    def configure_optimizers(self) -> Any:
        """AdamW and a one-cycle learning rate (Smith 2018, https://arxiv.org/abs/1803.09820)."""
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        groups = [
            # biases and batch norms are not weights: decay would only bias them
            {
                "params": [parameter for parameter in trained if parameter.ndim > 1],
                "weight_decay": self.settings.weight_decay,
            },
            {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.settings.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.settings.learning_rate, total_steps=int(self.trainer.estimated_stepping_batches)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _log(self, values: dict[str, torch.Tensor | Metric], images: int) -> None:
        self.log_dict(values, on_step=False, on_epoch=True, prog_bar=True, batch_size=images, sync_dist=True)
