"""Read and check v2 requests and write responses, as objects of KServe's SDK."""

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
HAND_POSITIONS = {"name": contract.LANDMARKS_NAME, "datatype": "FP32", "shape": [-1, contract.HAND_POINTS, 3]}


def read_binary(body: bytes, json_length: int, model_name: str) -> InferRequest:
    """Read a request with binary tensors after its JSON.

    The SDK's own reader converts every byte to a Python number and refuses bytes that are not text, such as a JPEG.

    Args:
        body: JSON and tensors.
        json_length: Length of the JSON, in bytes.
        model_name: Name of the model.

    Returns:
        The request, with unchanged tensors.

    Raises:
        InvalidInput: The JSON is invalid, or its sizes do not match the body.
    """
    try:
        header = orjson.loads(body[:json_length])
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the first {json_length} bytes are not JSON: {error}") from error
    inputs, rest = [], body[json_length:]
    for item in header["inputs"]:
        size = (item.get("parameters") or {}).get("binary_data_size")
        tensor = InferInput(item["name"], item["shape"], item["datatype"], item.get("data"), item.get("parameters"))
        if size is not None:
            if not 0 <= size <= len(rest):
                raise InvalidInput(f"input {tensor.name!r} has {len(rest)} bytes, its binary_data_size is {size}")
            tensor._raw_data, rest = rest[:size], rest[size:]
        inputs.append(tensor)
    if rest:
        raise InvalidInput(f"{len(rest)} bytes follow the last input, expected none")
    outputs = [RequestedOutput(output["name"], output.get("parameters")) for output in header.get("outputs", [])]
    return InferRequest(
        model_name, inputs, header.get("id"), parameters=header.get("parameters"), request_outputs=outputs or None
    )


def require_tensors(
    request: InferRequest, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse a request with other tensors.

    Args:
        request: The request.
        inputs: Allowed inputs, of which a request has exactly one; -1 in a shape is the number of images.
        outputs: Allowed outputs.

    Raises:
        InvalidInput: The request has other tensors.
    """
    found = [
        {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)} for tensor in request.inputs
    ]
    wanted = [{**tensor, "shape": [*found[0]["shape"][:1], *tensor["shape"][1:]]} for tensor in inputs] if found else []
    if len(found) != 1 or found[0] not in wanted or not 1 <= found[0]["shape"][0] <= contract.MAX_BATCH:
        raise InvalidInput(f"got {found}, expected one of {list(inputs)} with 1 to {contract.MAX_BATCH} images")
    names = [tensor["name"] for tensor in outputs]
    for output in request.request_outputs or []:
        if output.name not in names:
            raise InvalidInput(f"there is no output {output.name!r}, expected one of {', '.join(names)}")
        if "classification" in (output.parameters or {}):
            raise InvalidInput("this server does not support the classification extension")


def read_pixels(request: InferRequest) -> np.ndarray:
    """Get the pixels of a checked request.

    Args:
        request: Request with PIXELS as its input.

    Returns:
        uint8 [n, 200, 200, 3].

    Raises:
        InvalidInput: A JSON number is not an integer from 0 to 255.
        ValueError: The number of pixels does not match the shape.
    """
    if request.inputs[0].data:
        numbers = np.asarray(request.inputs[0].data)
        if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() > np.iinfo(np.uint8).max:
            raise InvalidInput("expected integers from 0 to 255")
    return np.asarray(request.inputs[0].as_numpy())


def respond(request: InferRequest, outputs: Mapping[str, np.ndarray], release: str) -> InferResponse:
    """Write a response.

    Args:
        request: The request.
        outputs: Outputs by name, in the order of the response.
        release: Release of the model, reported as its version.

    Returns:
        The response, binary if requested.
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
