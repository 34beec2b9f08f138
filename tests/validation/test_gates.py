"""The gates' verdicts and their consequences; in test_defects.py each gate refuses."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from asl_pkg import contract
from asl_pkg.validate import judge_bundle
from asl_pkg.validation.evaluation import Judgement
from asl_pkg.validation.gates import GATE_SPECS, decide, passes, verdict_is_consistent
from asl_pkg.validation.report_body import ExternalFigures, Gate, ReportBody, ReportProvenance, SplitFacts
from tests.faults.case import plant
from tests.support.exported import Exported, settings, write_dataset

GATES = [name for name in GATE_SPECS if name not in {"external", "agreement", "not_worse", "faster"}]
ANSWERS = set(GATES) - {"integrity", "contract", "data_set", "leak"}


def failed(judged: Judgement) -> set[str]:
    return {gate.name for gate in judged.gates if not gate.passed}


def test_a_good_model_passes_every_gate(exported: Exported) -> None:
    judged = judge_bundle(settings(), exported.bundle, exported.dataset, exported.checkpoint)
    assert [gate.name for gate in judged.gates] == GATES
    assert failed(judged) == set()
    assert all(gate.why for gate in judged.gates)


def labels_out_of_order(bundle: Path) -> None:
    lines = (bundle / contract.LABELS_FILE).read_text().splitlines()
    (bundle / contract.LABELS_FILE).write_text("\n".join(sorted(lines, reverse=True)) + "\n")


def python_smuggled_in(bundle: Path) -> None:
    (bundle / contract.MODEL_FILE).with_name("model.py").write_text("import os\n")


def another_batch_size(bundle: Path) -> None:
    path = bundle / contract.CONFIG_FILE
    path.write_text(path.read_text().replace(f"max_batch_size: {contract.MAX_BATCH}", "max_batch_size: 0"))


def another_backend(bundle: Path) -> None:
    path = bundle / contract.CONFIG_FILE
    path.write_text(path.read_text().replace('backend: "onnxruntime"', 'backend: "python"'))


def config_that_is_none(bundle: Path) -> None:
    (bundle / contract.CONFIG_FILE).write_text("name: [")


def graph_change(change: Callable[[onnx.ModelProto], object]) -> Callable[[Path], None]:
    def planted(bundle: Path) -> None:
        graph = onnx.load(bundle / contract.MODEL_FILE)
        change(graph)
        (bundle / contract.MODEL_FILE).write_bytes(graph.SerializeToString())

    return planted


def other_input_name(graph: onnx.ModelProto) -> None:
    next(node for node in graph.graph.node if "input" in node.input).input[0] = "pixels"
    graph.graph.input[0].name = "pixels"


def no_softmax(graph: onnx.ModelProto) -> None:
    softmax = next(node for node in graph.graph.node if node.op_type == "Softmax")
    softmax.op_type = "Identity"
    del softmax.attribute[:]


def not_a_number(graph: onnx.ModelProto) -> None:
    weight = next(tensor for tensor in graph.graph.initializer if tensor.name.endswith("head.weight"))
    weight.raw_data = np.full(weight.dims, np.nan, np.float32).tobytes()


def fixed_batch(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def classes_out_of_order(graph: onnx.ModelProto) -> None:
    facts = {prop.key: prop.value for prop in graph.metadata_props}
    onnx.helper.set_model_props(graph, facts | {contract.METADATA_CLASSES: json.dumps(sorted(contract.CLASSES)[::-1])})


def weights_outside(graph: onnx.ModelProto) -> None:
    tensor = graph.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "../../../../../../etc/hostname")
    tensor.ClearField("raw_data")


@pytest.mark.parametrize(
    ("defect", "said"),
    [
        (labels_out_of_order, "labels.txt does not list the classes in order"),
        (python_smuggled_in, "model.py"),
        (another_batch_size, "config.pbtxt differs from the contract in name, batch size"),
        (another_backend, "asks for backend 'python'"),
        (config_that_is_none, "config.pbtxt cannot be read"),
        (graph_change(other_input_name), "pixels"),
        (graph_change(no_softmax), "the output is not probabilities"),
        (graph_change(not_a_number), "the output is not probabilities"),
        (graph_change(fixed_batch), f"a batch of {contract.MAX_BATCH} is refused"),
        (graph_change(classes_out_of_order), "the graph lists other classes"),
        (graph_change(weights_outside), "weights outside the ONNX file"),
        (graph_change(lambda graph: setattr(graph, "ir_version", 11)), "IR version 11"),
        (graph_change(lambda graph: setattr(graph.opset_import[0], "version", 22)), "opset 21 at most"),
        (lambda bundle: (bundle / contract.MODEL_FILE).write_bytes(b"no graph"), "damaged or not an ONNX file"),
    ],
    ids=[
        "labels out of order", "python smuggled in", "batch size", "backend", "broken config", "input name",
        "no softmax", "not a number", "fixed batch", "classes out of order", "weights outside",
        "ir version", "opset", "no graph",
    ],
)  # fmt: skip
def test_a_bundle_that_breaks_the_contract_is_caught(
    exported: Exported, tmp_path: Path, defect: Callable[[Path], None], said: str
) -> None:
    planted = plant(exported.bundle, tmp_path / "bundle", defect)
    judged = judge_bundle(settings(), planted, exported.dataset, exported.checkpoint)
    gate = next(gate for gate in judged.gates if gate.name == "contract")
    assert said in gate.why
    assert failed(judged) == {"contract"} | ANSWERS
    assert judged.evaluation is None


def test_a_changed_byte_is_caught_and_everything_else_is_not_measured(exported: Exported, tmp_path: Path) -> None:
    shutil.copytree(exported.bundle, tmp_path / "bundle")
    model = tmp_path / "bundle" / contract.MODEL_FILE
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    judged = judge_bundle(settings(), tmp_path / "bundle", exported.dataset, exported.checkpoint)
    assert failed(judged) == set(GATES) - {"leak"}  # which asks the training, not the bundle
    assert f"changed {contract.MODEL_FILE}" in judged.gates[0].why
    unmeasured = [gate for gate in judged.gates if gate.name not in ("integrity", "leak")]
    assert all(gate.measured is None and gate.why.startswith("not measured") for gate in unmeasured)


def test_a_data_set_that_the_model_did_not_learn_from_is_caught(exported: Exported, tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset")
    info = json.loads((dataset / contract.DATASET_FILE).read_text())
    (dataset / contract.DATASET_FILE).write_text(json.dumps(info | {"digest": "e" * 64}))
    assert failed(judge_bundle(settings(), exported.bundle, dataset, exported.checkpoint)) == {"data_set"}


@pytest.mark.parametrize("measured", [None, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", list(GATE_SPECS))
def test_what_was_not_measured_never_passes(name: str, measured: float | None) -> None:
    assert not passes(name, measured, 0.5)


PARITY, ACCURACY = GATES.index("parity"), GATES.index("accuracy")


def report() -> ReportBody:
    """An honest one."""
    verdict = {"passed": True, "measured": 0.5, "direction": "", "threshold": 0.5, "unit": "", "interval": None}
    return ReportBody(
        headline="",
        passed=True,
        schema_version=contract.REPORT_SCHEMA,
        release=None,
        bundle_digest="",
        dataset_digest="",
        champion=None,
        golden_digest=None,
        gates=[Gate(name=name, why="", **verdict) for name in GATES],
        metrics=None,
        champion_loss=None,
        data=SplitFacts(split_by="signer", unseen_signers=True, signers=1, drawn_signers=0),
        bundle=None,
        provenance=ReportProvenance(validated_at="", commit="", onnxruntime="", torch=""),
    )


def forged(place: int, **changes: object) -> Callable[[list[Gate]], list[Gate]]:
    """Change one of the gates."""

    def forge(gates: list[Gate]) -> list[Gate]:
        return [gate.model_copy(update=changes) if at == place else gate for at, gate in enumerate(gates)]

    return forge


@pytest.mark.parametrize(
    ("forge", "true"),
    [
        (lambda gates: gates, True),
        (forged(ACCURACY, measured=0.4), False),
        (forged(PARITY, threshold=0.4), False),
        (forged(ACCURACY, measured=None), False),
        (forged(ACCURACY, measured=0.4, passed=False), False),
        (forged(ACCURACY, name="another"), False),
        (lambda gates: gates[:-1], False),
        (lambda gates: gates[::-1], False),
        (lambda gates: [], False),
    ],
    ids=["honest", "worse", "stricter", "not measured", "one failed", "renamed", "one fewer", "reversed", "none"],
)
def test_a_verdict_has_to_follow_from_its_numbers(forge: Callable[[list[Gate]], list[Gate]], true: bool) -> None:
    body = report()
    assert verdict_is_consistent(body.model_copy(update={"gates": forge(body.gates)})) is true


@pytest.mark.parametrize(
    "changes",
    [
        {"external": ExternalFigures.model_construct()},
        {"data": SplitFacts(split_by="block", unseen_signers=False, signers=1, drawn_signers=0)},
        {"passed": False},
    ],
    ids=["external not judged", "one too many", "refused though all passed"],
)
def test_the_gates_of_a_report_have_to_fit_the_rest_of_it(changes: dict[str, object]) -> None:
    assert not verdict_is_consistent(report().model_copy(update=changes))


def test_a_gate_without_a_finding_fails() -> None:
    assert not any(gate.passed for gate in decide({}, settings().validate, GATES))
