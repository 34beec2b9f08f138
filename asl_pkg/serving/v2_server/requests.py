"""v2 requests and answers as KServe's SDK holds them: read, checked, written."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from kserve import InferInput, InferOutput, InferRequest, InferResponse
from kserve.errors import InvalidInput
from kserve.protocol.infer_type import RequestedOutput
from kserve.utils.numpy_codec import from_np_dtype

from asl_pkg import contract

PIXELS = {"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": [-1, contract.IMAGE_PX, contract.IMAGE_PX, 3]}
PROBABILITIES = {"name": contract.OUTPUT_NAME, "datatype": "FP32", "shape": [-1, len(contract.CLASSES)]}


def read_binary(body: bytes, json_length: int, model_name: str) -> InferRequest:
    """Read a request whose tensors follow its JSON.

    The SDK's own reader turns every byte into a Python number and refuses bytes that are no text, such as a JPEG.

    Args:
        body: JSON and tensors.
        json_length: of the JSON, in bytes.
        model_name: that the request is for.

    Returns:
        The request, with tensors as they came.

    Raises:
        InvalidInput: it is not JSON, or its sizes are not those of the body.
    """
    try:
        header = orjson.loads(body[:json_length])
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the first {json_length} bytes are not JSON: {error}") from error
    inputs, rest = [], body[json_length:]
    for one in header["inputs"]:
        size = (one.get("parameters") or {}).get("binary_data_size")
        tensor = InferInput(one["name"], one["shape"], one["datatype"], one.get("data"), one.get("parameters"))
        if size is not None:
            if not 0 <= size <= len(rest):
                raise InvalidInput(f"input {tensor.name!r} has {len(rest)} bytes, its binary_data_size is {size}")
            tensor._raw_data, rest = rest[:size], rest[size:]
        inputs.append(tensor)
    if rest:
        raise InvalidInput(f"{len(rest)} bytes follow the last input, expected none")
    outputs = [RequestedOutput(one["name"], one.get("parameters")) for one in header.get("outputs", [])]
    return InferRequest(
        model_name, inputs, header.get("id"), parameters=header.get("parameters"), request_outputs=outputs or None
    )


def check(request: InferRequest, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a request that is not for such tensors.

    Args:
        request: the request.
        inputs: those that may come, one of them in a request; -1 in a shape is the number of images.
        outputs: those that may be asked for.

    Raises:
        InvalidInput: it has other tensors.
    """
    found = [{"name": one.name, "datatype": one.datatype, "shape": list(one.shape)} for one in request.inputs]
    wanted = [{**one, "shape": [*found[0]["shape"][:1], *one["shape"][1:]]} for one in inputs] if found else []
    if len(found) != 1 or found[0] not in wanted or not 1 <= found[0]["shape"][0] <= contract.MAX_BATCH:
        raise InvalidInput(f"got {found}, expected one of {list(inputs)} with 1 to {contract.MAX_BATCH} images")
    names = [one["name"] for one in outputs]
    for output in request.request_outputs or []:
        if output.name not in names:
            raise InvalidInput(f"there is no output {output.name!r}, possible: {', '.join(names)}")
        if "classification" in (output.parameters or {}):
            raise InvalidInput("this server has no classification extension")


def read_pixels(request: InferRequest) -> np.ndarray:
    """The pixels of a checked request.

    Args:
        request: with PIXELS as its input.

    Returns:
        uint8 [n, 200, 200, 3].

    Raises:
        InvalidInput: they came as JSON numbers that are no whole ones from 0 to 255.
        ValueError: there are more or fewer than its shape says.
    """
    if request.inputs[0].data:
        numbers = np.asarray(request.inputs[0].data)
        if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() > np.iinfo(np.uint8).max:
            raise InvalidInput("expected whole numbers from 0 to 255")
    return np.asarray(request.inputs[0].as_numpy())


def respond(request: InferRequest, outputs: Mapping[str, np.ndarray], release: str) -> InferResponse:
    """Write an answer.

    Args:
        request: that it answers.
        outputs: by name, in the order of an answer to a request that asks for none by name.
        release: of the model, told as the model's version.

    Returns:
        The answer, binary where the request wants that.
    """
    tensors = []
    for name, values in outputs.items():
        tensor = InferOutput(name, list(values.shape), from_np_dtype(values.dtype))
        tensor.set_data_from_numpy(values)
        tensors.append(tensor)
    return InferResponse(
        request.id or "",
        request.model_name,
        tensors,
        model_version=release,
        use_binary_outputs=request.use_binary_outputs,
        requested_outputs=request.request_outputs,
    )
