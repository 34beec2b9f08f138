"""Triton's backend `onnxruntime` in Python, for servers that lack the native one.

It runs inside Triton's Python stub, in Triton's own environment, so it imports nothing of this project. It honours or
refuses every part of config.pbtxt: https://github.com/triton-inference-server/onnxruntime_backend#model-config-options
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

# Parameters that tell people and clients something and change nothing here.
INFORMATION_PARAMETERS = ("confidence_threshold",)
GRAPH_LEVELS = {
    0: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    -1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    2: onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
EXECUTION_MODES = {
    "0": onnxruntime.ExecutionMode.ORT_SEQUENTIAL,
    "1": onnxruntime.ExecutionMode.ORT_PARALLEL,
}
# Sections that Triton's core carries out itself, before requests reach a backend.
CORE_SECTIONS = {
    "name", "platform", "backend", "runtime", "version_policy", "max_batch_size", "input", "output", "instance_group",
    "default_model_filename", "dynamic_batching", "model_warmup", "response_cache", "metric_tags",
}  # fmt: skip
# What the core fills in where config.pbtxt says nothing: no demand on a backend that works in CPU memory.
CORE_OPTIMIZATION = {"priority": "PRIORITY_DEFAULT", "gather_kernel_buffer_threshold": 0, "eager_batching": False}
CORE_PINNED_MEMORY = {"input_pinned_memory", "output_pinned_memory"}
CORE_TENSOR_KEYS = {"name", "data_type", "dims", "format", "label_filename"}
ONNX_TYPES = {
    "tensor(bool)": "TYPE_BOOL", "tensor(float16)": "TYPE_FP16", "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64", "tensor(uint8)": "TYPE_UINT8", "tensor(int8)": "TYPE_INT8",
    "tensor(int32)": "TYPE_INT32", "tensor(int64)": "TYPE_INT64",
}  # fmt: skip


def refuse(reason: str) -> Exception:
    """The exception that makes Triton refuse to load the model."""
    return pb_utils.TritonModelException(f"config.pbtxt: {reason}")


def session_options(config: dict[str, Any]) -> onnxruntime.SessionOptions:
    """Translate the parameters and the optimization section of config.pbtxt.

    Args:
        config: the model configuration, as Triton gives it.

    Returns:
        Options for ONNX Runtime.

    Raises:
        TritonModelException: a parameter is unknown or its value impossible.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # its warnings are about the graph, of no use to who serves it
    # Threads that wait for work by spinning take the processor from the other copies of the model.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in config.get("parameters", {}).items():
        text = value.get("string_value", "")
        if name == "intra_op_thread_count":
            options.intra_op_num_threads = thread_count(name, text)
        elif name == "inter_op_thread_count":
            options.inter_op_num_threads = thread_count(name, text)
        elif name == "execution_mode":
            if text not in EXECUTION_MODES:
                raise refuse(f"execution_mode is {text!r}, possible: 0 (sequential), 1 (parallel)")
            options.execution_mode = EXECUTION_MODES[text]
        elif name not in INFORMATION_PARAMETERS:
            raise refuse(f"parameter {name!r} is unknown to this backend")
    options.graph_optimization_level = graph_level(config.get("optimization", {}))
    return options


def thread_count(name: str, text: str) -> int:
    """A number of threads; 0 leaves it to ONNX Runtime."""
    if not text.isdecimal():
        raise refuse(f"{name} is {text!r}, expected a whole number, 0 or more")
    return int(text)


def graph_level(optimization: dict[str, Any]) -> onnxruntime.GraphOptimizationLevel:
    """The level of graph optimisation; every other demand of the section is refused."""
    for name, value in optimization.items():
        if name != "graph" and name not in CORE_PINNED_MEMORY and CORE_OPTIMIZATION.get(name) != value:
            raise refuse(f"optimization {name!r} is not possible in this backend")
    level = optimization.get("graph", {}).get("level", 0)
    if level not in GRAPH_LEVELS:
        raise refuse(f"optimization graph level is {level}, possible: {', '.join(map(str, GRAPH_LEVELS))}")
    return GRAPH_LEVELS[level]


def check_sections(config: dict[str, Any]) -> None:
    """Refuse sections that this backend would have to carry out and cannot, and instances that are not on the CPU."""
    for name, value in config.items():
        if name not in CORE_SECTIONS | {"parameters", "optimization"} and any_set(value):
            raise refuse(f"section {name!r} is not possible in this backend")
    for group in config.get("instance_group", []):
        if group["kind"] != "KIND_CPU":
            raise refuse(f"instance_group kind is {group['kind']}, this backend has KIND_CPU only")


def any_set(value: Any) -> bool:
    """Whether a section holds anything but protobuf's empty values."""
    if isinstance(value, dict):
        return any(any_set(one) for one in value.values())
    return bool(value)


def check_tensors(side: str, declared: list[dict[str, Any]], found: list[Any], batched: bool) -> None:
    """Compare the tensors that config.pbtxt declares with those of the model.

    Args:
        side: `input` or `output`.
        declared: of config.pbtxt; dims without the batch where the model is batched.
        found: of the ONNX model; names stand for dimensions of any size.
        batched: whether max_batch_size is above 0.

    Raises:
        TritonModelException: names, types or dims differ.
    """
    by_name = {one.name: one for one in found}
    names = {one["name"] for one in declared}
    if names - by_name.keys() or (side == "input" and by_name.keys() - names):
        raise refuse(f"{side}s are {sorted(names)}, the model has {sorted(by_name)}")
    for one in declared:
        demands = [key for key, value in one.items() if key not in CORE_TENSOR_KEYS and any_set(value)]
        if demands or one.get("format", "FORMAT_NONE") != "FORMAT_NONE":
            raise refuse(f"{side} {one['name']!r}: {(demands or ['format'])[0]!r} is not possible in this backend")
        model_type, model_dims = by_name[one["name"]].type, by_name[one["name"]].shape
        if ONNX_TYPES.get(model_type) != one["data_type"]:
            raise refuse(f"{side} {one['name']!r} is {one['data_type']}, the model has {model_type}")
        dims = [-1] * batched + [int(size) for size in one["dims"]]
        sizes = [size if isinstance(size, int) else -1 for size in model_dims]
        if dims != sizes:
            raise refuse(f"{side} {one['name']!r} has dims {dims}, the model has {sizes} (-1: any size)")


class TritonPythonModel:
    """One instance of the model: Triton makes it, gives it batches of requests, and ends it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model.

        Args:
            args: model_config (JSON), model_repository (the model's folder), model_version.

        Raises:
            TritonModelException: the configuration asks for what this backend or the model cannot do.
        """
        config = json.loads(args["model_config"])
        check_sections(config)
        file = config.get("default_model_filename") or "model.onnx"
        path = Path(args["model_repository"]) / args["model_version"] / file
        self.session = onnxruntime.InferenceSession(
            str(path), session_options(config), providers=["CPUExecutionProvider"]
        )
        batched = config["max_batch_size"] > 0
        check_tensors("input", config["input"], self.session.get_inputs(), batched)
        check_tensors("output", config["output"], self.session.get_outputs(), batched)
        self.inputs = [one["name"] for one in config["input"]]
        self.outputs = [one["name"] for one in config["output"]]
        self.batched = batched

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the requests of one dynamic batch in one run of the model.

        Args:
            requests: each with every input, [n, ...] where the model is batched.

        Returns:
            One response a request, in their order.
        """
        if len(requests) > 1 and self.batched:
            try:
                return self.run(requests)
            except Exception:  # noqa: BLE001, S110 - whichever request is at fault answers for it alone, below
                pass
        return [self.run_alone(request) for request in requests]

    def run_alone(self, request: Any) -> Any:
        """The response to one request, an error response where the model cannot run on it."""
        try:
            return self.run([request])[0]
        except Exception as error:  # noqa: BLE001 - it must become this request's answer, whatever it is
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))

    def run(self, requests: list[Any]) -> list[Any]:
        """Run the model once over the joined inputs and share out the rows of its outputs."""
        parts = [[pb_utils.get_input_tensor_by_name(one, name).as_numpy() for name in self.inputs] for one in requests]
        joined = parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]
        outputs = self.session.run(self.outputs, dict(zip(self.inputs, joined, strict=True)))
        if len(requests) == 1:
            return [self.response(requests[0], outputs)]
        ends = np.cumsum([len(part[0]) for part in parts])[:-1]
        shares = zip(*(np.split(output, ends) for output in outputs), strict=True)
        return [self.response(request, share) for request, share in zip(requests, shares, strict=True)]

    def response(self, request: Any, outputs: Any) -> Any:
        """The outputs that a request asked for."""
        wanted = request.requested_output_names()
        named = zip(self.outputs, outputs, strict=True)
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in named if name in wanted])
