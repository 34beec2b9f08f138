"""KServe's REST and gRPC clients on one server: sdk_client.py HTTP_URL GRPC_URL PIXELS.npy; prints JSON."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

MODEL = "asl_model"


def request(pixels: np.ndarray) -> InferRequest:
    """One request, with tensors as bytes."""
    tensor = InferInput("input", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels, binary_data=True)
    return InferRequest(MODEL, [tensor], request_id="7")


async def ask(http_url: str, grpc_url: str, pixels: np.ndarray) -> dict[str, object]:
    """Ask both."""
    said: dict[str, object] = {}
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as rest:
        said["rest"] = (await rest.infer(http_url, request(pixels), MODEL)).outputs[0].as_numpy().tolist()
        # its is_server_live and is_server_ready want JSON, where the protocol and Triton have an empty body
        said["rest ready"] = await rest.is_model_ready(http_url, MODEL)
    async with InferenceGRPCClient(grpc_url.removeprefix("grpc://")) as client:
        said["grpc"] = (await client.infer(request(pixels))).outputs[0].as_numpy().tolist()
        said["grpc ready"] = [
            await client.is_server_live(),
            await client.is_server_ready(),
            await client.is_model_ready(MODEL),
        ]
    return said


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask(sys.argv[1], sys.argv[2], np.load(sys.argv[3])))))
