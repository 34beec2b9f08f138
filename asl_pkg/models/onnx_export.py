"""From a torch module to a checked ONNX graph."""

import warnings
from collections.abc import Sequence

import onnx
import torch
from google.protobuf.message import Message

from asl_pkg import contract


def to_onnx(
    served: torch.nn.Module, facts: dict[str, str], outputs: Sequence[str] = (contract.OUTPUT_NAME,)
) -> onnx.ModelProto:
    """Trace a module.

    Args:
        served: Takes uint8 [n, 200, 200, 3], in evaluation mode.
        facts: The graph's metadata_props.
        outputs: Names of what it returns.

    Returns:
        One checked graph without stack traces, paths or external data; the same for the same weights and versions.
    """
    px = contract.IMAGE_PX
    example = torch.zeros(2, px, px, 3, dtype=torch.uint8)  # two images: a batch of one would be taken for a constant
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns about its own deprecations
        program = torch.onnx.export(
            served,
            (example,),
            dynamo=True,
            verbose=False,
            external_data=False,
            opset_version=contract.OPSET,
            input_names=[contract.INPUT_NAME],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    assert program is not None
    graph = program.model_proto
    _strip(graph)
    _give_branches_their_weights(graph)
    graph.ir_version = contract.IR_VERSION
    onnx.helper.set_model_props(graph, facts)
    check_graph(graph)
    return graph


def check_graph(graph: onnx.ModelProto) -> None:
    """Run ONNX's checker on a graph and infer every shape: the output's has to follow from the input's.

    Args:
        graph: Graph with all its weights.

    Raises:
        onnx.checker.ValidationError: It is not a sound graph.
        onnx.shape_inference.InferenceError: It declares other shapes or types than it computes.
    """
    onnx.checker.check_model(graph, full_check=True)
    onnx.shape_inference.infer_shapes(graph, check_type=True, strict_mode=True, data_prop=True)


def _give_branches_their_weights(graph: onnx.ModelProto) -> None:
    """Copy the weights that a branch of an If uses into it: ONNX Runtime prepares its convolutions with those only.

    Without it they take three times as long; the copies make the graph of HandNetwork 4.6 MB larger.
    """
    weights = {tensor.name: tensor for tensor in graph.graph.initializer}
    for branch in [attribute.g for node in graph.graph.node if node.op_type == "If" for attribute in node.attribute]:
        used = {name for node in branch.node for name in node.input if name in weights}
        for name in sorted(used):
            branch.initializer.add().CopyFrom(weights[name])
            branch.initializer[-1].name = f"{branch.name}.{name}"
        for node in branch.node:
            node.input[:] = [f"{branch.name}.{name}" if name in used else name for name in node.input]


def _strip(message: Message) -> None:
    """Remove the exporter's notes on the sources: stack traces, paths, modules."""
    for field, value in message.ListFields():
        if field.name in ("doc_string", "metadata_props"):
            message.ClearField(field.name)
        elif field.message_type:
            for part in [value] if isinstance(value, Message) else value:
                _strip(part)
