"""Triton's backend `onnxruntime` in Python, for servers without the native one.

It runs in Triton's Python stub and environment, so it imports nothing of this project. It honours or refuses every
part of config.pbtxt: https://github.com/triton-inference-server/onnxruntime_backend#model-config-options
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

# Parameters that only inform clients.
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
# Sections that Triton's core handles itself, before requests reach a backend.
CORE_SECTIONS = {
    "name", "platform", "backend", "runtime", "version_policy", "max_batch_size", "input", "output", "instance_group",
    "default_model_filename", "dynamic_batching", "model_warmup", "response_cache", "metric_tags",
}  # fmt: skip
# The core's defaults; they ask nothing of a backend in CPU memory.
CORE_OPTIMIZATION = {"priority": "PRIORITY_DEFAULT", "gather_kernel_buffer_threshold": 0, "eager_batching": False}
CORE_PINNED_MEMORY = {"input_pinned_memory", "output_pinned_memory"}
CORE_TENSOR_KEYS = {"name", "data_type", "dims", "format", "label_filename", "reshape"}
ONNX_TYPES = {
    "tensor(bool)": "TYPE_BOOL", "tensor(float16)": "TYPE_FP16", "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64", "tensor(uint8)": "TYPE_UINT8", "tensor(int8)": "TYPE_INT8",
    "tensor(int32)": "TYPE_INT32", "tensor(int64)": "TYPE_INT64",
}  # fmt: skip


def config_error(reason: str) -> Exception:
    """Give the exception that makes Triton refuse to load the model."""
    return pb_utils.TritonModelException(f"config.pbtxt: {reason}")


def session_options(config: dict[str, Any]) -> onnxruntime.SessionOptions:
    """Translate the parameters and the optimization section of config.pbtxt.

    Args:
        config: Model configuration from Triton.

    Returns:
        Options for ONNX Runtime.

    Raises:
        TritonModelException: A parameter is unknown or has an invalid value.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # its warnings concern the graph, which cannot be changed here
    # Spinning threads would take CPU time from the other instances of the model.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in config.get("parameters", {}).items():
        text = value.get("string_value", "")
        if name == "intra_op_thread_count":
            options.intra_op_num_threads = thread_count(name, text)
        elif name == "inter_op_thread_count":
            options.inter_op_num_threads = thread_count(name, text)
        elif name == "execution_mode":
            if text not in EXECUTION_MODES:
                raise config_error(f"execution_mode is {text!r}, expected 0 (sequential) or 1 (parallel)")
            options.execution_mode = EXECUTION_MODES[text]
        elif name not in INFORMATION_PARAMETERS:
            raise config_error(f"parameter {name!r} is unknown to this backend")
    options.graph_optimization_level = graph_level(config.get("optimization", {}))
    return options


def thread_count(name: str, text: str) -> int:
    """Parse a number of threads; 0 leaves it to ONNX Runtime."""
    if not text.isdecimal():
        raise config_error(f"{name} is {text!r}, expected a whole number, 0 or more")
    return int(text)


def graph_level(optimization: dict[str, Any]) -> onnxruntime.GraphOptimizationLevel:
    """Translate the graph optimisation level; other options of the section are refused."""
    for name, value in optimization.items():
        if name != "graph" and name not in CORE_PINNED_MEMORY and CORE_OPTIMIZATION.get(name) != value:
            raise config_error(f"optimization {name!r} is not supported by this backend")
    level = optimization.get("graph", {}).get("level", 0)
    if level not in GRAPH_LEVELS:
        raise config_error(f"optimization graph level is {level}, expected one of {', '.join(map(str, GRAPH_LEVELS))}")
    return GRAPH_LEVELS[level]


def check_sections(config: dict[str, Any]) -> None:
    """Refuse sections that this backend does not support, and instances that are not on the CPU."""
    for name, value in config.items():
        if name not in CORE_SECTIONS | {"parameters", "optimization"} and any_set(value):
            raise config_error(f"section {name!r} is not supported by this backend")
    for group in config.get("instance_group", []):
        if group["kind"] != "KIND_CPU":
            raise config_error(f"instance_group kind is {group['kind']}, this backend supports KIND_CPU only")


def any_set(value: Any) -> bool:
    """Whether a section holds anything but protobuf's empty values."""
    if isinstance(value, dict):
        return any(any_set(part) for part in value.values())
    return bool(value)


def check_tensors(side: str, declared: list[dict[str, Any]], found: list[Any], batched: bool) -> None:
    """Compare the tensors that config.pbtxt declares with those of the model.

    Args:
        side: `input` or `output`.
        declared: Tensors in config.pbtxt; dims without the batch if the model is batched.
        found: Tensors of the ONNX model; a named dimension has any size.
        batched: Whether max_batch_size is above 0.

    Raises:
        TritonModelException: Names, types or dims differ.
    """
    by_name = {tensor.name: tensor for tensor in found}
    names = {tensor["name"] for tensor in declared}
    if names - by_name.keys() or (side == "input" and by_name.keys() - names):
        raise config_error(f"{side}s are {sorted(names)}, the model has {sorted(by_name)}")
    for tensor in declared:
        demands = [key for key, value in tensor.items() if key not in CORE_TENSOR_KEYS and any_set(value)]
        if demands or tensor.get("format", "FORMAT_NONE") != "FORMAT_NONE":
            raise config_error(
                f"{side} {tensor['name']!r}: {(demands or ['format'])[0]!r} is not supported by this backend"
            )
        model_type, model_dims = by_name[tensor["name"]].type, by_name[tensor["name"]].shape
        if ONNX_TYPES.get(model_type) != tensor["data_type"]:
            raise config_error(f"{side} {tensor['name']!r} is {tensor['data_type']}, the model has {model_type}")
        own = tensor["reshape"].get("shape", []) if "reshape" in tensor else tensor["dims"]  # the core does the rest
        dims = [-1] * batched + [int(size) for size in own]
        sizes = [size if isinstance(size, int) else -1 for size in model_dims]
        if dims != sizes:
            raise config_error(f"{side} {tensor['name']!r} has dims {dims}, the model has {sizes} (-1: any size)")


class TritonPythonModel:
    """An instance of the model, created and called by Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model.

        Args:
            args: model_config (JSON), model_repository (the model's folder), model_version.

        Raises:
            TritonModelException: Backend or model does not support the configuration.
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
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [tensor["name"] for tensor in config["output"]]
        self.batched = batched

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the requests of a dynamic batch in one run of the model.

        Args:
            requests: Requests with every input, [n, ...] if the model is batched.

        Returns:
            One response per request, in their order.
        """
        if len(requests) > 1 and self.batched:
            try:
                return self.run(requests)
            except Exception:  # noqa: BLE001, S110 - run them one by one: only the faulty request gets the error
                pass
        return [self.run_alone(request) for request in requests]

    def run_alone(self, request: Any) -> Any:
        """Answer a single request; an exception becomes an error response."""
        try:
            return self.run([request])[0]
        except Exception as error:  # noqa: BLE001 - any error must become this request's answer
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))

    def run(self, requests: list[Any]) -> list[Any]:
        """Run the model once on the concatenated inputs and split the rows of its outputs."""
        parts = [
            [pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs]
            for request in requests
        ]
        joined = parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]
        outputs = self.session.run(self.outputs, dict(zip(self.inputs, joined, strict=True)))
        if len(requests) == 1:
            return [self.response(requests[0], outputs)]
        ends = np.cumsum([len(part[0]) for part in parts])[:-1]
        shares = zip(*(np.split(output, ends) for output in outputs), strict=True)
        return [self.response(request, share) for request, share in zip(requests, shares, strict=True)]

    def response(self, request: Any, outputs: Any) -> Any:
        """Give the requested outputs."""
        wanted = request.requested_output_names()
        named = zip(self.outputs, outputs, strict=True)
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in named if name in wanted])
