"""A connection from the transformer to a model server, and the release that the server has."""

import asyncio
from dataclasses import dataclass

import grpc
import numpy as np
from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet
from kserve.protocol.grpc import grpc_predict_v2_pb2 as v2
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from asl_pkg import contract
from asl_pkg.bundle.triton_config import THRESHOLD_PARAMETER
from asl_pkg.errors import ServingError
from asl_pkg.inference.postprocess import check_output

ANSWER_TIMEOUT_S = 30.0
CHANNEL_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),  # otherwise a new channel would reuse the connection of an old one
    ("grpc.enable_http_proxy", 0),
]
MODEL_CONFIG = "/inference.GRPCInferenceService/ModelConfig"
INPUT = (contract.INPUT_NAME, "UINT8", [-1, contract.IMAGE_PX, contract.IMAGE_PX, 3])
OUTPUTS = [  # of each contract version
    [(name, "FP32", [-1, *dims]) for name, dims in outputs.items()] for outputs in contract.V2_OUTPUTS.values()
]


@dataclass(frozen=True, eq=False)
class Predictor:
    """A connection to a model server.

    Args:
        address: HOST:PORT of the server.
        channel: gRPC channel to the server.
        release: Release of the server.
        confidence_threshold: Confidence of that release below which the answer is `unsure`.
        outputs: Names of what its model gives, as in contract.OUTPUTS.
    """

    address: str
    channel: grpc.aio.Channel
    release: str
    confidence_threshold: float
    outputs: tuple[str, ...]

    async def infer(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Get all outputs of the model.

        Args:
            pixels: Images, uint8 [n, 200, 200, 3], RGB, at most contract.MAX_BATCH.

        Returns:
            The outputs by name, float32 [n, …], in the order of the images.

        Raises:
            grpc.aio.AioRpcError: The server does not answer, or with an error.
            ServingError: The answer is not probabilities.
        """
        request = v2.ModelInferRequest(
            model_name=contract.MODEL_NAME,
            inputs=[{"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": pixels.shape}],
            outputs=[{"name": name} for name in self.outputs],
            raw_input_contents=[pixels.tobytes()],
        )
        response = await GRPCInferenceServiceStub(self.channel).ModelInfer(request, timeout=ANSWER_TIMEOUT_S)
        answer = {
            tensor.name: np.frombuffer(content, np.float32).reshape(tensor.shape)
            for tensor, content in zip(response.outputs, response.raw_output_contents, strict=True)
            if tensor.datatype == "FP32"
        }
        if fault := check_output(answer.get(contract.OUTPUT_NAME), len(pixels)):
            raise ServingError(f"{self.address} answered {fault}")
        if missing := set(self.outputs) - answer.keys():
            raise ServingError(f"{self.address} answered without {', '.join(sorted(missing))}")
        return answer


async def connect_predictor(address: str, timeout_s: float) -> Predictor:
    """Connect to a model server and read its release.

    Args:
        address: HOST:PORT of the server.
        timeout_s: Time limit for all of it.

    Returns:
        The connection.

    Raises:
        ServingError: The server does not answer in time, its model is not ready, or it has other tensors.
    """
    channel = grpc.aio.insecure_channel(address, CHANNEL_OPTIONS)
    try:
        return await asyncio.wait_for(_introduce(address, channel), timeout_s)
    except BaseException as error:
        await channel.close()
        if isinstance(error, TimeoutError):
            raise ServingError(f"{address} does not answer within {timeout_s:.0f} s") from error
        if isinstance(error, grpc.aio.AioRpcError):
            raise ServingError(f"{address}: {error.code().name} {error.details()}") from error
        raise


async def _introduce(address: str, channel: grpc.aio.Channel) -> Predictor:
    await channel.channel_ready()
    stub = GRPCInferenceServiceStub(channel)
    if not (await stub.ModelReady(v2.ModelReadyRequest(name=contract.MODEL_NAME))).ready:
        raise ServingError(f"{address}: its model is not ready")
    model = await stub.ModelMetadata(v2.ModelMetadataRequest(name=contract.MODEL_NAME))
    inputs, outputs = (
        [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in tensors]
        for tensors in (model.inputs, model.outputs)
    )
    if inputs != [INPUT] or outputs not in OUTPUTS:
        expected = [INPUT, *OUTPUTS[0]]
        raise ServingError(f"{address} has {inputs + outputs}, expected {expected}: it serves another model")
    name = (await stub.ServerMetadata(v2.ServerMetadataRequest())).name
    release = name.removeprefix(f"{contract.MODEL_NAME}@")
    ask_config = channel.unary_unary(MODEL_CONFIG)
    config = await ask_config(v2.ModelMetadataRequest(name=contract.MODEL_NAME).SerializeToString())
    return Predictor(address, channel, release, _threshold(config), tuple(name for name, _, _ in outputs))


def _threshold(response: bytes) -> float:
    """The confidence threshold in Triton's ModelConfigResponse.

    Read field by field: KServe's generated classes lack this message, and Triton's cannot be loaded beside them, since
    protobuf refuses equal names in a process. The field numbers are those of Triton's model_config.proto.
    """
    for config in _fields(response, 1):
        for parameter in _fields(config, 14):
            if _fields(parameter, 1) == [THRESHOLD_PARAMETER.encode()]:
                (value,) = _fields(parameter, 2)
                return float(_fields(value, 1)[0])
    raise ServingError(f"config.pbtxt has no {THRESHOLD_PARAMETER}: run `asl export` again")


def _fields(message: bytes, number: int) -> list[bytes]:
    """The values of a length-delimited field: string, bytes or message."""
    return [field.data for field in UnknownFieldSet(Empty.FromString(message)) if field.field_number == number]
