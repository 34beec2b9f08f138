"""One model server behind the transformer: a connection, and which release whoever is at its other end serves."""

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
    ("grpc.use_local_subchannel_pool", 1),  # else a new channel would take over an old one's connection
    ("grpc.enable_http_proxy", 0),
]
MODEL_CONFIG = "/inference.GRPCInferenceService/ModelConfig"
INPUT = (contract.INPUT_NAME, "UINT8", [-1, contract.IMAGE_PX, contract.IMAGE_PX, 3])
OUTPUT = (contract.OUTPUT_NAME, "FP32", [-1, len(contract.CLASSES)])


@dataclass(frozen=True, eq=False)
class Predictor:
    """One connection to one model server.

    Args:
        address: HOST:PORT.
        channel: to it.
        release: that it serves.
        confidence_threshold: of that release; below it the answer is `unsure`.
    """

    address: str
    channel: grpc.aio.Channel
    release: str
    confidence_threshold: float

    async def infer(self, pixels: np.ndarray) -> np.ndarray:
        """Ask for the probabilities of the classes.

        Args:
            pixels: uint8 [n, 200, 200, 3], RGB, no more than a server takes at once.

        Returns:
            float32 [n, 29], in the order of contract.CLASSES.

        Raises:
            grpc.aio.AioRpcError: it does not answer, or with an error.
            ServingError: it answers with what are no probabilities.
        """
        request = v2.ModelInferRequest(
            model_name=contract.MODEL_NAME,
            inputs=[{"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": pixels.shape}],
            outputs=[{"name": contract.OUTPUT_NAME}],
            raw_input_contents=[pixels.tobytes()],
        )
        response = await GRPCInferenceServiceStub(self.channel).ModelInfer(request, timeout=ANSWER_TIMEOUT_S)
        answer = None
        if len(response.outputs) == 1 and response.outputs[0].datatype == "FP32":
            answer = np.frombuffer(response.raw_output_contents[0], np.float32).reshape(response.outputs[0].shape)
        if fault := check_output(answer, len(pixels)):
            raise ServingError(f"{self.address} gave {fault}")
        assert answer is not None
        return answer


async def connect(address: str, timeout_s: float) -> Predictor:
    """Connect to a model server and ask what it serves.

    Args:
        address: HOST:PORT.
        timeout_s: for all of it.

    Returns:
        The connection, ready to answer.

    Raises:
        ServingError: nobody answers in time, the model is not ready, or it is of another contract.
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
    tensors = [(one.name, one.datatype, list(one.shape)) for one in (*model.inputs, *model.outputs)]
    if tensors != [INPUT, OUTPUT]:
        raise ServingError(f"{address} has {tensors}, expected {[INPUT, OUTPUT]}: it serves another model")
    name = (await stub.ServerMetadata(v2.ServerMetadataRequest())).name
    release = name.removeprefix(f"{contract.MODEL_NAME}@")
    ask_config = channel.unary_unary(MODEL_CONFIG)
    config = await ask_config(v2.ModelMetadataRequest(name=contract.MODEL_NAME).SerializeToString())
    return Predictor(address, channel, release, _threshold(config))


def _threshold(response: bytes) -> float:
    """The confidence threshold in Triton's ModelConfigResponse.

    It is read field by field, since KServe's generated classes lack this message, and Triton's have the same names as
    KServe's, which protobuf refuses in one process. The numbers are those of Triton's model_config.proto.
    """
    for config in _fields(response, 1):
        for parameter in _fields(config, 14):
            if _fields(parameter, 1) == [THRESHOLD_PARAMETER.encode()]:
                (value,) = _fields(parameter, 2)
                return float(_fields(value, 1)[0])
    raise ServingError(f"config.pbtxt has no {THRESHOLD_PARAMETER}: `asl export` writes one")


def _fields(message: bytes, number: int) -> list[bytes]:
    """The values of a field that is a text, bytes or a message."""
    return [one.data for one in UnknownFieldSet(Empty.FromString(message)) if one.field_number == number]
