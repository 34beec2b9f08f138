"""A variant in fp16 or int8, compared with the same checkpoint in fp32: as accurate, and faster?"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asl_pkg import contract
from asl_pkg.inference.onnx_session import open_session, predict
from asl_pkg.metrics.classification import Interval
from asl_pkg.models.onnx_export import to_onnx
from asl_pkg.validation.champion import accuracy_loss
from asl_pkg.validation.context import EvaluationContext
from asl_pkg.validation.gates import GateInput
from asl_pkg.validation.latency import in_turn

ROUNDS = 31  # calls of each in turn
SLOW_ROUND = 90  # percentile of the ratios: nine of ten rounds are faster
ON_CPU = "on this machine's processor"
ON_GPU = "fp16 is for GPUs, and no GPU is timed here"


@dataclass(frozen=True)
class Variant:
    """Comparison of a variant with fp32 on the test images.

    Args:
        agreement: Share of the images for which both give the same class.
        loss: Loss of accuracy, as a share of the images; negative for a gain.
        time_ratio: Processor time per image as a multiple of fp32's; None if it cannot be measured here.
    """

    agreement: float
    loss: Interval
    time_ratio: float | None


def compare_with_fp32(context: EvaluationContext) -> Variant:
    """Compare a variant. Torch's answers stand for those of the graph in fp32: export lets no other graph pass.

    Args:
        context: Bundle of the variant, network of the checkpoint, and the answers of both.

    Returns:
        The comparison.
    """
    answers = context.answers
    same = answers.probabilities.argmax(axis=1) == answers.by_torch.argmax(axis=1)
    loss = accuracy_loss(answers.by_torch, context)
    on_cpu = context.bundle.precision != contract.FP16
    return Variant(float(same.mean()), loss, _time_ratio(context) if on_cpu else None)


def variant_findings(found: Variant, unit: str) -> dict[str, GateInput]:
    """Give the gates their input; for the loss it is the upper bound, which must be small.

    Args:
        found: Comparison of the variant.
        unit: What was resampled.

    Returns:
        An input for each gate that only variants have.
    """
    loss = found.loss
    few = f"too few groups: the worst {unit} decides" if loss.too_few else ""
    return {
        "agreement": GateInput(found.agreement),
        "not_worse": GateInput(loss.worst if loss.too_few else loss.high, few, unit, [loss.low, loss.high]),
        "faster": GateInput(found.time_ratio, ON_GPU if found.time_ratio is None else ON_CPU),
    }


def _time_ratio(context: EvaluationContext) -> float:
    """Time of the variant as a multiple of fp32's, whose graph is exported for this; SLOW_ROUND of the rounds."""
    variant, image = context.single_thread_session, context.answers.pixels[:1]
    with tempfile.TemporaryDirectory(prefix="asl-fp32-") as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(to_onnx(context.served, {}).SerializeToString())
        full = open_session(path, threads=1)
    times_s = in_turn(lambda: predict(variant, image), lambda: predict(full, image), ROUNDS)
    return float(np.percentile(times_s[:, 0] / times_s[:, 1], SLOW_ROUND))
