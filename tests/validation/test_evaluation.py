"""Answers that depend on more than their image, graphs that do too much, servers that answer differently."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from asl_pkg import contract
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.data.dataset import read_info
from asl_pkg.inference.onnx_session import open_session
from asl_pkg.models.export_module import ExportModule
from asl_pkg.serving.triton import environment
from asl_pkg.validation.batch_invariance import greatest_change
from asl_pkg.validation.context import open_context
from asl_pkg.validation.golden import GoldenSet
from asl_pkg.validation.latency import latency_ratio
from asl_pkg.validation.parity import THOROUGH_IMAGES, parity_with_torch
from asl_pkg.validation.triton_check import ask_triton
from tests.support.exported import Exported, image, settings

PIXELS = np.stack([image(label, signer) for signer in range(2) for label in range(len(contract.CLASSES))])


@pytest.fixture
def graph(exported: Exported) -> onnx.ModelProto:
    return onnx.load(exported.bundle / contract.MODEL_FILE)


def written(graph: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(graph, path)
    return path


def test_an_honest_graph_answers_each_image_by_itself(exported: Exported) -> None:
    assert greatest_change(open_session(exported.bundle / contract.MODEL_FILE), PIXELS) <= 1e-5


def test_a_graph_that_looks_at_the_whole_batch_is_noticed(graph: onnx.ModelProto, tmp_path: Path) -> None:
    """The softmax over the classes is followed by a mix with the batch's mean."""
    last = next(node for node in graph.graph.node if contract.OUTPUT_NAME in node.output)
    last.output[0] = "own"
    half = onnx.numpy_helper.from_array(np.array(0.5, np.float32), "half")
    axes = onnx.numpy_helper.from_array(np.array([0]), "axes")
    graph.graph.initializer.extend([half, axes])
    make = onnx.helper.make_node
    graph.graph.node.extend(
        [
            make("ReduceMean", ["own", "axes"], ["mean"], keepdims=1),
            make("Add", ["own", "mean"], ["sum"]),
            make("Mul", ["sum", "half"], [contract.OUTPUT_NAME]),
        ]
    )
    assert greatest_change(open_session(written(graph, tmp_path)), PIXELS) > 0.1


def test_a_graph_with_useless_work_is_slower(exported: Exported, graph: onnx.ModelProto, tmp_path: Path) -> None:
    """All pixels go through a wide layer that counts for nothing in the end."""
    last = next(node for node in graph.graph.node if contract.OUTPUT_NAME in node.output)
    last.output[0] = "own"
    constants = {"rows": np.array([0, -1, 200]), "wide": np.ones((200, 2048), np.float32), "none": np.float32(0)}
    graph.graph.initializer.extend(onnx.numpy_helper.from_array(np.array(v), name) for name, v in constants.items())
    make = onnx.helper.make_node
    graph.graph.node.extend(
        [
            make("Cast", [contract.INPUT_NAME], ["numbers"], to=onnx.TensorProto.FLOAT),
            make("Reshape", ["numbers", "rows"], ["lines"]),
            make("MatMul", ["lines", "wide"], ["work"]),
            make("ReduceMax", ["work"], ["most"], keepdims=0),
            make("Mul", ["most", "none"], ["nothing"]),
            make("Add", ["own", "nothing"], [contract.OUTPUT_NAME]),
        ]
    )
    served = ExportModule(exported.classifier).eval()
    honest, slow = (
        latency_ratio(open_session(path, threads=1), served, PIXELS[:1])
        for path in (exported.bundle / contract.MODEL_FILE, written(graph, tmp_path))
    )
    assert slow > 3 * honest


def test_a_real_triton_answers_as_onnx_runtime_does(exported: Exported) -> None:
    bundle = open_bundle(exported.bundle)
    answers = open_session(bundle.model_path).run(None, {contract.INPUT_NAME: PIXELS[:4]})[0]
    assert ask_triton(bundle, GoldenSet(PIXELS[:4], answers)).measured == 0
    assert ask_triton(bundle, GoldenSet(PIXELS[:4], answers[::-1])).measured == 4


def test_without_triton_nothing_is_claimed(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environment.TRITON_ENV_VARIABLE, str(tmp_path))
    found = ask_triton(open_bundle(exported.bundle), GoldenSet(PIXELS[:1], np.zeros((1, 29), np.float32)))
    assert found.measured is None
    assert "`make install`" in found.detail


def test_a_thorough_comparison_varies_the_images(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asl_pkg.validation.parity.THOROUGH_IMAGES", 500)
    chosen, info = settings(), read_info(exported.dataset)
    context = open_context(chosen, open_bundle(exported.bundle), exported.checkpoint, exported.dataset, info)
    images = len(context.answers.truth)
    assert parity_with_torch(context).images == images < 500
    chosen.validate.thorough = True
    found = parity_with_torch(context)
    assert found.images == 3 * images >= 500
    assert 0 < found.greatest < 1e-3
    assert THOROUGH_IMAGES == 5_000
