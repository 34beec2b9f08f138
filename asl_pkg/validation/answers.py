"""Answers of a bundle and of its checkpoint to the test images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.config.schema import CacheSettings
from asl_pkg.data.cache import decoded
from asl_pkg.data.dataset import DatasetInfo, read_split
from asl_pkg.data.decoding import Pixels
from asl_pkg.inference.onnx_session import predict
from asl_pkg.progress import track


@dataclass(frozen=True)
class Answers:
    """The test images and two answers to each.

    Args:
        pixels: Images, uint8 [n, 200, 200, 3], decoded already, or on access.
        truth: Class of each image [n].
        probabilities: Probabilities of the bundle in ONNX Runtime [n, 29].
        by_torch: Probabilities of the checkpoint in torch [n, 29].
        groups: Group of similar images [n]: the signer if signers are known, else the block of frames.
        digests: SHA-256 of each image file [n].
    """

    pixels: Pixels
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    by_torch: NDArray[np.float32]
    groups: Sequence[str]
    digests: Sequence[str]


def answer_test_images(
    session: onnxruntime.InferenceSession,
    served: torch.nn.Module,
    dataset_dir: Path,
    info: DatasetInfo,
    cache: CacheSettings,
) -> Answers:
    """Run bundle and checkpoint on every test image.

    Args:
        session: ONNX Runtime on the bundle's graph, which keeps the model contract.
        served: Network of the checkpoint that the bundle was made from.
        dataset_dir: Folder of the data set.
        info: Contents of dataset.json.
        cache: Where decoded images are kept: `cache_dir`, `cache_gb`.

    Returns:
        Both answers, in the order of the data set.

    Raises:
        DataError: The data set is not complete.
    """
    pixels, truth = decoded(dataset_dir, contract.TEST, cache.cache_dir, cache.cache_gb)
    group_column = "signer" if info.split_by == "signer" else "group"
    rows = read_split(dataset_dir, contract.TEST, [group_column, "sha256"]).to_pydict()
    return Answers(
        pixels=pixels,
        truth=truth,
        probabilities=answer_by_onnx(session, pixels),
        by_torch=answer_by_torch(served, pixels),
        groups=rows[group_column],
        digests=rows["sha256"],
    )


def answer_by_onnx(session: onnxruntime.InferenceSession, pixels: Pixels) -> NDArray[np.float32]:
    """Compute probabilities in ONNX Runtime.

    Args:
        session: ONNX Runtime on a graph that keeps the contract.
        pixels: Images, uint8 [n, 200, 200, 3], RGB.

    Returns:
        [n, 29], in the order of contract.CLASSES.
    """
    return np.concatenate([predict(session, batch) for batch in _batches(pixels, "Running ONNX Runtime")])


def answer_by_torch(served: torch.nn.Module, pixels: Pixels) -> NDArray[np.float32]:
    """Compute probabilities in torch.

    Args:
        served: Network in evaluation mode.
        pixels: Images, uint8 [n, 200, 200, 3], RGB.

    Returns:
        [n, 29], in the order of contract.CLASSES.
    """
    with torch.inference_mode():
        return np.concatenate([served(torch.from_numpy(batch)).numpy() for batch in _batches(pixels, "Running torch")])


def _batches(pixels: Pixels, description: str) -> Iterator[NDArray[np.uint8]]:
    """Copies, since the pixels may be a read-only map of a file, which torch cannot make a tensor of."""
    starts = range(0, len(pixels), contract.MAX_BATCH)
    for start in track(starts, len(starts), description, "batches"):
        yield np.array(pixels[start : start + contract.MAX_BATCH])
