"""Damaged v2 requests over gRPC: every one must get a status that says why."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from asl_pkg import contract
from tests.fuzz.damaged_http import IMAGE, PX, SHAPES, TYPES

TIMEOUT_S = 20
LIMIT = ("grpc.max_send_message_length", -1)
CLEAR = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,  # Triton's word where a shape and its bytes contradict one another
}
Request = service_pb2.ModelInferRequest


def send(url: str, request: Any) -> str:
    """Send a request.

    Args:
        url: grpc://HOST:PORT.
        request: a ModelInferRequest, or the bytes of none.

    Returns:
        Empty where the answer is a clear error, else what is wrong with it.
    """
    with grpc.insecure_channel(url.removeprefix("grpc://"), [LIMIT]) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        raw = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        ask: Callable[..., Any] = raw if isinstance(request, bytes) else stub.ModelInfer
        try:
            ask(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return "" if error.code() in CLEAR and error.details() else f"{error.code()} {error.details()}"
    return "answered"


def damaged_requests() -> Iterator[tuple[str, Any]]:
    """Yield (name, request)."""
    for datatype in TYPES:
        yield f"type {datatype or 'empty'}", _request(datatype=datatype)
    for name, shape in SHAPES.items():
        if isinstance(shape, list) and all(isinstance(size, int) for size in shape):
            yield f"shape {name}", _request(shape=shape)
    for name in ("", "inputs", "input ", "x" * 10_000):
        yield f"input name {name[:20]!r}", _request(name=name)
    for size in (0, 1, len(IMAGE) - 1, len(IMAGE) + 1, 100_000_000):
        yield f"{size} bytes", _request(raw=[bytes(size)])
    yield "an empty batch of no bytes", _request(shape=[0, PX, PX, 3], raw=[b""])
    yield "no bytes", _request(raw=[])
    yield "bytes twice", _request(raw=[IMAGE, IMAGE])
    yield "no input", Request(model_name=contract.MODEL_NAME)
    yield "no such model", _request(model="other")
    yield "no such version", _request(version="9")
    yield "version text", _request(version="newest")
    yield "model name empty", _request(model="")
    yield "no such output", _request(output="letters")
    yield "output name empty", _request(output="")
    twice = _request(raw=[IMAGE, IMAGE])
    twice.inputs.append(twice.inputs[0])
    yield "the input twice", twice
    both = _request()
    both.inputs[0].contents.uint_contents.extend([1, 2, 3])
    yield "raw bytes and numbers", both
    few = _request(raw=[])
    few.inputs[0].contents.uint_contents.extend([1, 2, 3])
    yield "too few numbers", few
    wide = _request(raw=[])
    wide.inputs[0].contents.uint_contents.extend([0] * (len(IMAGE) - 1) + [256])
    yield "number 256", wide
    fractions = _request(raw=[])
    fractions.inputs[0].contents.fp32_contents.extend([0.5] * len(IMAGE))
    yield "fractions", fractions
    memory = _request(raw=[])
    memory.inputs[0].parameters["shared_memory_region"].string_param = "x"
    memory.inputs[0].parameters["shared_memory_byte_size"].int64_param = len(IMAGE)
    yield "no such shared memory", memory


def _request(
    model: str = contract.MODEL_NAME,
    version: str = "",
    name: str = contract.INPUT_NAME,
    datatype: str = "UINT8",
    shape: Any = (1, PX, PX, 3),
    raw: Any = (IMAGE,),
    output: str | None = None,
) -> Any:
    """A right request with some of its fields changed."""
    request = Request(model_name=model, model_version=version, raw_input_contents=raw)
    request.inputs.add(name=name, datatype=datatype, shape=shape)
    if output is not None:
        request.outputs.add(name=output)
    return request
