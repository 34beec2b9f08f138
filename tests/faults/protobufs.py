"""Defects of the graph's file: it violates the contract."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from asl_pkg import contract
from tests.faults.case import Case, Good, Planter, plant

FOREIGN = "asl.example"
MICROSOFT = "com.microsoft"


def written(change: Callable[[onnx.ModelProto], object]) -> Planter:
    """Change the graph in its file."""

    def rewrite(bundle: Path) -> None:
        graph = onnx.load(bundle / contract.MODEL_FILE)
        change(graph)
        (bundle / contract.MODEL_FILE).write_bytes(graph.SerializeToString())

    return sealed(rewrite)


def sealed(change: Callable[[Path], object]) -> Planter:
    """Change files of the bundle before it is sealed."""

    def planter(good: Good, folder: Path) -> Case:
        bundle = plant(good.bundle, folder / "bundle", change)
        return Case(good.settings, good.checkpoint, bundle, good.dataset, good.report)

    return planter


def not_a_number(graph: onnx.ModelProto) -> None:
    weight = next(tensor for tensor in graph.graph.initializer if len(tensor.dims) == 4)
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] = math.nan
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))


def no_softmax(graph: onnx.ModelProto) -> None:
    softmax = _softmax(graph)
    softmax.op_type = "Identity"
    del softmax.attribute[:]


def fixed_batch(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def wrong_input_name(graph: onnx.ModelProto) -> None:
    for node in graph.graph.node:
        node.input[:] = ["pixels" if name == contract.INPUT_NAME else name for name in node.input]
    graph.graph.input[0].name = "pixels"


def float_input(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def extra_output(graph: onnx.ModelProto) -> None:
    logits = helper.make_tensor_value_info(
        _softmax(graph).input[0], TensorProto.FLOAT, ["batch", len(contract.CLASSES)]
    )
    graph.graph.output.append(logits)


def opset(graph: onnx.ModelProto) -> None:
    graph.opset_import[0].version = 24


def ir_version(graph: onnx.ModelProto) -> None:
    graph.ir_version = 13


def operator(domain: str, name: str) -> Callable[[onnx.ModelProto], None]:
    """Put an operator of another domain between the logits and the softmax."""

    def change(graph: onnx.ModelProto) -> None:
        softmax = _softmax(graph)
        node = helper.make_node(name, [softmax.input[0]], ["through"], domain=domain)
        softmax.input[0] = "through"
        graph.graph.node.insert(list(graph.graph.node).index(softmax), node)
        graph.opset_import.append(helper.make_opsetid(domain, 1))

    return change


def external_weight(graph: onnx.ModelProto) -> None:
    weight = graph.graph.initializer[0]
    onnx.external_data_helper.set_external_data(weight, "../../../../../../etc/hostname")
    weight.ClearField("raw_data")


def external_constant(graph: onnx.ModelProto) -> None:
    """A constant added to the logits, and never in the list of initializers."""
    softmax = _softmax(graph)
    zeros = numpy_helper.from_array(np.zeros(len(contract.CLASSES), np.float32), "zeros")
    onnx.external_data_helper.set_external_data(zeros, "zeros.bin")
    zeros.ClearField("raw_data")
    constant = helper.make_node("Constant", [], ["zeros"], value=zeros)
    add = helper.make_node("Add", [softmax.input[0], "zeros"], ["through"])
    softmax.input[0] = "through"
    place = list(graph.graph.node).index(softmax)
    graph.graph.node.insert(place, add)
    graph.graph.node.insert(place, constant)


def classes_out_of_order(graph: onnx.ModelProto) -> None:
    facts = {prop.key: prop.value for prop in graph.metadata_props}
    facts[contract.METADATA_CLASSES] = json.dumps(contract.CLASSES[::-1])
    helper.set_model_props(graph, facts)


def _softmax(graph: onnx.ModelProto) -> onnx.NodeProto:
    return next(node for node in graph.graph.node if node.op_type == "Softmax")


PLANTERS: dict[str, Planter] = {
    "NaN in a weight": written(not_a_number),
    "softmax forgotten": written(no_softmax),
    "fixed batch 1": written(fixed_batch),
    "wrong input name": written(wrong_input_name),
    "float input": written(float_input),
    "extra output": written(extra_output),
    "opset too new": written(opset),
    "IR version too new": written(ir_version),
    "custom operator": written(operator(FOREIGN, "Custom")),
    "operator of ONNX Runtime's own": written(operator(MICROSOFT, "Gelu")),
    "external data outside the folder": written(external_weight),
    "external data in a constant": written(external_constant),
    "classes out of order in the graph": written(classes_out_of_order),
    "no graph at all": sealed(lambda bundle: (bundle / contract.MODEL_FILE).write_text("no graph")),
}
