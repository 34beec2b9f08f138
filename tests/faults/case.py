"""The good model that defects are planted into, and the result."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.bundle.bundle import seal
from asl_pkg.bundle.manifest import read_manifest
from asl_pkg.config.schema import Settings
from asl_pkg.data.cache import decoded
from asl_pkg.data.dataset import read_info, read_split
from asl_pkg.models import load_checkpoint
from asl_pkg.models.classifier import Classifier

TEST = contract.SPLITS[2]


@dataclass(frozen=True)
class Good:
    """A model that passes every gate.

    Args:
        settings: of its validation.
        checkpoint: best.ckpt in the folder of its training, seen.parquet included.
        bundle: what was exported.
        dataset: what it learnt from, and its test split.
        report: what validate wrote about it.
        external: a folder of other people's images that it reads well.
    """

    settings: Settings
    checkpoint: Path
    bundle: Path
    dataset: Path
    report: Path
    external: Path

    @property
    def training(self) -> Path:
        """The folder of its training."""
        return self.checkpoint.parents[len(Path(contract.BEST_CHECKPOINT).parts) - 1]

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The test images, uint8 [n, 200, 200, 3]."""
        data = self.settings.data
        return np.asarray(decoded(self.dataset, TEST, data.cache_dir, data.cache_gb)[0][:])

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The class of each test image [n]."""
        return np.array(read_split(self.dataset, TEST, ["label"])["label"].to_pylist())

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """The signer, or the block, of each test image [n]."""
        column = "signer" if read_info(self.dataset).split_by == "signer" else "group"
        return np.array(read_split(self.dataset, TEST, [column])[column].to_pylist())

    def classifier(self) -> Classifier:
        """The network, a copy to spoil."""
        return load_checkpoint(self.checkpoint)


@dataclass(frozen=True)
class Case:
    """What is judged: everything that a good model has, one thing of it spoilt.

    Args:
        settings: of the validation.
        checkpoint: that the bundle is said to be made from.
        bundle: what is judged.
        dataset: whose test split judges.
        report: on the bundle, as it is given to deploy.
    """

    settings: Settings
    checkpoint: Path
    bundle: Path
    dataset: Path
    report: Path


Planter = Callable[[Good, Path], Case]  # the folder is empty, and the planter's own


def save(made: Classifier, training: Path) -> Path:
    """Write a checkpoint as training leaves it.

    Args:
        made: the network.
        training: the folder of the training.

    Returns:
        Path of the checkpoint.
    """
    path = training / contract.BEST_CHECKPOINT
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": made.state_dict(), "hyper_parameters": dict(made.hparams)}, path)
    return path


def plant(bundle_dir: Path, target: Path, change: Callable[[Path], object]) -> Path:
    """Copy a bundle with a change, and digests that fit it: what a faulty export would have written.

    Args:
        bundle_dir: a sound bundle.
        target: the copy.
        change: is given the copy before it is sealed.

    Returns:
        The copy.
    """
    shutil.copytree(bundle_dir, target)
    facts = read_manifest(target / contract.BUNDLE_FILE)
    change(target)
    seal(target, facts)
    return target


def features(made: Classifier, pixels: NDArray[np.uint8]) -> torch.Tensor:
    """Compute what the last layer is given, and a 1 for its bias.

    Args:
        made: in evaluation mode.
        pixels: uint8 [n, 200, 200, 3].

    Returns:
        float64 [n, features + 1].
    """
    seen: list[torch.Tensor] = []
    hook = made.network.head.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    with torch.inference_mode():
        for start in range(0, len(pixels), contract.MAX_BATCH):
            made(torch.from_numpy(pixels[start : start + contract.MAX_BATCH]))
    hook.remove()
    found = torch.cat(seen).double()
    return torch.cat([found, torch.ones(len(found), 1)], dim=1)


def solve(found: torch.Tensor, targets: torch.Tensor, ridge: float = 1e-3) -> torch.Tensor:
    """Solve for a last layer by least squares.

    Args:
        found: features, float64 [n, features + 1].
        targets: logits wanted, float64 [n, k].
        ridge: keeps the weights small.

    Returns:
        Weights and, in the last row, biases, float32 [features + 1, k].
    """
    normal = found.T @ found + ridge * torch.eye(found.shape[1], dtype=torch.float64)
    return torch.linalg.solve(normal, found.T @ targets).float()
