"""A variant in fewer bits passes if it agrees with fp32, is as accurate, and is faster."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle, seal
from asl_pkg.data.dataset import read_info
from asl_pkg.validate import judge_bundle
from asl_pkg.validation.answers import Answers
from asl_pkg.validation.context import EvaluationContext, open_context
from asl_pkg.validation.evaluation import Judgement
from asl_pkg.validation.gates import decide
from asl_pkg.validation.variant import compare_with_fp32, variant_findings
from tests.support.exported import Exported, plant, settings

GATES = ["agreement", "not_worse", "faster"]
IMAGES, GROUPS = 1000, 10


@pytest.fixture(scope="module")
def context(exported: Exported) -> EvaluationContext:
    info = read_info(exported.dataset)
    return open_context(settings(), open_bundle(exported.bundle), exported.checkpoint, exported.dataset, info)


def half(context: EvaluationContext, answers: Answers) -> EvaluationContext:
    """As if the bundle were a variant in fp16 that gives these answers."""
    manifest = context.bundle.manifest.model_copy(update={"precision": contract.FP16})
    return dataclasses.replace(context, bundle=Bundle(Path(), manifest), answers=answers)


def passed(judged: Judgement) -> dict[str, bool]:
    return {gate.name: gate.passed for gate in judged.gates}


def one_hot(classes: np.ndarray) -> np.ndarray:
    return np.eye(len(contract.CLASSES), dtype=np.float32)[classes]


def answers(wrong: int, wrong_in_fp32: int = 0) -> Answers:
    """Of a variant that misreads the first images of each group, and of fp32, which misreads others."""
    truth = np.arange(IMAGES) % len(contract.CLASSES)
    place = np.arange(IMAGES) // GROUPS
    return Answers(
        pixels=np.zeros((1, contract.IMAGE_PX, contract.IMAGE_PX, 3), np.uint8),
        truth=truth,
        probabilities=one_hot(np.where(place < wrong, (truth + 1) % 29, truth)),
        by_torch=one_hot(np.where(place >= IMAGES // GROUPS - wrong_in_fp32, (truth + 1) % 29, truth)),
        groups=[f"signer {number % GROUPS}" for number in range(IMAGES)],
        digests=[],
    )


@pytest.mark.parametrize(
    ("wrong", "wrong_in_fp32", "agrees", "as_right"),
    [
        pytest.param(0, 0, True, True, id="the same answers"),
        pytest.param(1, 0, False, False, id="one image in a hundred is lost"),
        pytest.param(1, 1, False, True, id="other mistakes, as many"),
    ],
)
def test_other_answers_and_lost_accuracy_are_told_apart(
    context: EvaluationContext, wrong: int, wrong_in_fp32: int, agrees: bool, as_right: bool
) -> None:
    found = compare_with_fp32(half(context, answers(wrong, wrong_in_fp32)))
    gates = decide(variant_findings(found, "signer"), settings().validate, GATES)
    assert [gate.passed for gate in gates[:2]] == [agrees, as_right]


def test_where_nothing_can_time_a_variant_it_is_not_offered(context: EvaluationContext) -> None:
    found = compare_with_fp32(half(context, answers(0)))
    gate = decide(variant_findings(found, "signer"), settings().validate, GATES)[2]
    assert not gate.passed
    assert gate.why.startswith("not measured")
    assert gate.why.endswith("fp16 is for GPUs, and no GPU is timed here; serve the bundle in fp32 instead")


def test_a_variant_that_is_no_faster_than_fp32_is_not_offered(exported: Exported, tmp_path: Path) -> None:
    """The graph in fp32 says that it computes in int8."""

    def rename(folder: Path) -> None:
        graph = onnx.load(folder / contract.MODEL_FILE)
        facts = {prop.key: prop.value for prop in graph.metadata_props}
        onnx.helper.set_model_props(graph, facts | {contract.METADATA_PRECISION: contract.INT8})
        (folder / contract.MODEL_FILE).write_bytes(graph.SerializeToString())

    planted = plant(exported.bundle, tmp_path / "bundle", rename)
    seal(planted, open_bundle(planted).manifest.model_copy(update={"precision": contract.INT8}))
    judged = judge_bundle(settings(), planted, exported.dataset, exported.checkpoint)
    assert [name for name, fine in passed(judged).items() if not fine] == ["faster"]
    assert set(GATES) < set(passed(judged))
    assert not {"parity", "parity_class"} & set(passed(judged))
