"""The context that all measurements on a bundle share; opened once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnxruntime
import torch

from asl_pkg.bundle.bundle import Bundle
from asl_pkg.config.schema import Settings
from asl_pkg.data.dataset import DatasetInfo
from asl_pkg.inference.onnx_session import open_session
from asl_pkg.models import load_checkpoint
from asl_pkg.models.export_module import ExportModule
from asl_pkg.validation.answers import Answers, answer_test_images


@dataclass(frozen=True)
class EvaluationContext:
    """A bundle, the network of its checkpoint, and their answers to the test images.

    Args:
        settings: Settings of `asl validate`.
        info: Contents of dataset.json.
        bundle: Bundle that keeps the model contract.
        session: ONNX Runtime on its graph.
        served: Network of its checkpoint in torch, in evaluation mode.
        answers: Answers of both to the test images.
    """

    settings: Settings
    info: DatasetInfo
    bundle: Bundle
    session: onnxruntime.InferenceSession
    served: torch.nn.Module
    answers: Answers

    @property
    def resamples(self) -> int:
        """Number of bootstrap resamples."""
        return self.settings.validate.resamples

    @property
    def seed(self) -> int:
        """Seed of every random choice; a check makes its own generator, so no figure depends on the checks before."""
        return self.settings.seed

    @cached_property
    def single_thread_session(self) -> onnxruntime.InferenceSession:
        """ONNX Runtime on the same graph with one thread, for timing."""
        return open_session(self.bundle.model_path, threads=1)


def open_context(
    settings: Settings, bundle: Bundle, checkpoint_path: Path, dataset_dir: Path, info: DatasetInfo
) -> EvaluationContext:
    """Open a bundle and its checkpoint, and run both on the test images.

    Args:
        settings: Settings of `asl validate`.
        bundle: Bundle that keeps the model contract.
        checkpoint_path: Checkpoint of the bundle.
        dataset_dir: Folder of the data set.
        info: Contents of dataset.json.

    Returns:
        The context.

    Raises:
        BundleError: There is no checkpoint.
        DataError: The data set is not complete.
    """
    session = open_session(bundle.model_path)
    served = ExportModule(load_checkpoint(checkpoint_path)).eval()
    answers = answer_test_images(session, served, dataset_dir, info, settings.data)
    return EvaluationContext(settings, info, bundle, session, served, answers)
