"""The data set for Lightning: whole batches of prepared images, and a record of the images that training saw."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, Sampler

from asl_pkg import contract
from asl_pkg.config.schema import DataSettings
from asl_pkg.data.augmentation import augment, draw_numbers, move_landmarks, replace_with_empty, shrink
from asl_pkg.data.cache import decoded
from asl_pkg.data.dataset import read_split
from asl_pkg.data.decoding import Pixels
from asl_pkg.distributed import rank_and_world_size
from asl_pkg.progress import track

EXTRACTED_AT_ONCE = 8  # images; more take longer each, since the CPU's cache is small
VIEWS = 2  # versions of each image that a network with frozen parts learns from: as large as it is, and shrunk
UNCHANGED, SHRUNK = -1, 1  # of the views; UNCHANGED is not augmented either
HARDER = "harder"  # features of the validation split's shrunk and augmented images, for calibration


class Batch(NamedTuple):
    """Some images of a split."""

    pixels: torch.Tensor  # uint8 [n, 200, 200, 3], RGB
    labels: torch.Tensor  # int64 [n]
    landmarks: torch.Tensor  # float32 [n, 21, 2], x and y in -1..1 from edge to edge; NaN where unknown
    rows: torch.Tensor  # int64 [n], in the split
    features: torch.Tensor | None = None  # float32 [n, features] of a network with frozen parts


class SplitImages(Dataset[Batch]):
    """A split whose items are whole batches: one slice of the decoded images is far cheaper than n items.

    Args:
        pixels: uint8 [n, 200, 200, 3], decoded before or per batch.
        labels: int64 [n].
        landmarks: float32 [n, 21, 2].
    """

    def __init__(self, pixels: Pixels, labels: np.ndarray, landmarks: np.ndarray) -> None:
        self.pixels = pixels
        self.labels = labels
        self.landmarks = landmarks

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: np.ndarray) -> Batch:
        return Batch(*map(torch.from_numpy, (self.pixels[rows], self.labels[rows], self.landmarks[rows], rows)))


class Batches(Sampler[np.ndarray]):
    """Rows of a split in batches of nearly equal size, so that none is too small for batch statistics.

    Args:
        count: Number of images in the split.
        batch_size: Largest number of images in a batch.
        seed: Seed of the order, which differs in each epoch; None keeps the order.

    With several workers, each gets its part of every batch. In training the parts have equal sizes, so that the mean of
    their gradients is the gradient of the batch: each batch leaves out fewer images than there are workers, others in
    each epoch.
    """

    def __init__(self, count: int, batch_size: int, seed: int | None = None) -> None:
        self.count = count
        self.batches = -(-count // batch_size)
        self.seed = seed
        self.epoch = 0
        self.number, self.workers = rank_and_world_size()

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[np.ndarray]:
        rows = np.arange(self.count)
        if self.seed is not None:
            np.random.default_rng((self.seed, self.epoch)).shuffle(rows)
        for batch in np.array_split(rows, self.batches):
            size = len(batch) // self.workers * self.workers if self.seed is not None else len(batch)
            yield batch[self.number : size : self.workers]


class ImageData(LightningDataModule):
    """The training and validation splits of a data set.

    Args:
        dataset_dir: The data set.
        settings: Batch size, and where decoded images are cached.
        seed: Seed of order and augmentation.
        varied: Whether to augment training images.
    """

    def __init__(self, dataset_dir: Path, settings: DataSettings, seed: int, varied: bool) -> None:
        super().__init__()
        self.settings = settings
        self.seed = seed
        self.varied = varied
        self.train_split = _images(dataset_dir, "train", settings)
        self.validation_split = _images(dataset_dir, "validation", settings)
        self.seen = np.zeros(len(self.train_split), bool)  # which training images reached the network
        self.features: dict[str, torch.Tensor] = {}  # float32 [views, n, features] by split, of frozen parts

    def compute_features(self, extract: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Compute once what the frozen parts of a network make of each image; batches get it from then on.

        Args:
            extract: uint8 [n, 200, 200, 3] -> float32 [n, features], both on the CPU.
        """
        views = range(VIEWS) if self.varied else [UNCHANGED]
        self.features = {
            contract.TRAIN: self._features(self.train_split, views, extract),
            contract.VALIDATION: self._features(self.validation_split, [UNCHANGED], extract),
        }
        if self.varied:
            self.features[HARDER] = self._features(self.validation_split, [SHRUNK], extract)

    def _features(
        self, images: SplitImages, views: Sequence[int], extract: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        """Features of each view of each image [views, n, features]."""
        starts = [(view, start) for view in views for start in range(0, len(images), EXTRACTED_AT_ONCE)]
        found = []
        for view, start in track(starts, len(starts), "Finding hands", f"batches of {EXTRACTED_AT_ONCE} images"):
            batch = images[np.arange(start, min(start + EXTRACTED_AT_ONCE, len(images)))]
            shown = batch if view == UNCHANGED else self._augmented(batch, view, view == SHRUNK)
            found.append(extract(shown.pixels))
        return torch.cat(found).unflatten(0, (len(views), -1))

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training batches, in another order each epoch."""
        return self._loader(self.train_split, self.seed)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation batches, in the split's order."""
        return self._loader(self.validation_split, None)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Record which images training sees, and augment them on the device that trains."""
        if not self.trainer:
            return batch
        training, epoch = self.trainer.training, self.trainer.current_epoch
        if training:
            self.seen[batch.rows.cpu().numpy()] = True
        if self.features:
            features = self.features[contract.TRAIN if training else contract.VALIDATION]
            return batch._replace(features=features[epoch % len(features), batch.rows.cpu()].to(batch.pixels.device))
        return self._augmented(batch, epoch) if training and self.varied else batch

    def _augmented(self, batch: Batch, epoch: int, smaller: bool = False) -> Batch:
        draws = draw_numbers(self.seed, epoch, batch.rows.cpu().numpy()).to(batch.pixels.device)
        pixels = augment(shrink(batch.pixels, draws) if smaller else batch.pixels, draws)
        replace_with_empty(pixels, batch.labels, draws)
        return batch._replace(pixels=pixels, landmarks=move_landmarks(batch.landmarks, draws))

    def _loader(self, images: SplitImages, seed: int | None) -> DataLoader[Batch]:
        # batch_size=None: the sampler's items are batches already
        return DataLoader(images, batch_size=None, sampler=Batches(len(images), self.settings.batch_size, seed))


def _images(dataset_dir: Path, split: str, settings: DataSettings) -> SplitImages:
    found = read_split(dataset_dir, split, ["landmarks_2d"])["landmarks_2d"].to_pylist()
    unknown = np.full((contract.HAND_POINTS, 2), np.nan)
    pixels = np.array([unknown if points is None else points for points in found], np.float32)
    landmarks = 2 * pixels / contract.IMAGE_PX - 1
    return SplitImages(*decoded(dataset_dir, split, settings.cache_dir, settings.cache_gb), landmarks)
