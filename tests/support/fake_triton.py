"""A server that claims to be our Triton and answers every request with one gRPC status."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from tritonclient.grpc import service_pb2 as v2
from tritonclient.grpc import service_pb2_grpc

from asl_pkg import contract
from asl_pkg.bundle.triton_config import THRESHOLD_PARAMETER


class FakeTriton(service_pb2_grpc.GRPCInferenceServiceServicer):
    """What it answers with can be set, how often it was asked is counted."""

    def __init__(self, output: str) -> None:
        self.status = grpc.StatusCode.INTERNAL
        self.output = output
        self.asked = 0
        self.ready = True

    def ModelReady(self, request: v2.ModelReadyRequest, context: grpc.ServicerContext) -> v2.ModelReadyResponse:
        return v2.ModelReadyResponse(ready=self.ready)

    def ServerMetadata(
        self, request: v2.ServerMetadataRequest, context: grpc.ServicerContext
    ) -> v2.ServerMetadataResponse:
        return v2.ServerMetadataResponse(name=f"{contract.MODEL_NAME}@fake")

    def ModelMetadata(
        self, request: v2.ModelMetadataRequest, context: grpc.ServicerContext
    ) -> v2.ModelMetadataResponse:
        px = contract.IMAGE_PX
        return v2.ModelMetadataResponse(
            inputs=[{"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": [-1, px, px, 3]}],
            outputs=[{"name": self.output, "datatype": "FP32", "shape": [-1, len(contract.CLASSES)]}],
        )

    def ModelConfig(self, request: v2.ModelConfigRequest, context: grpc.ServicerContext) -> v2.ModelConfigResponse:
        response = v2.ModelConfigResponse()
        response.config.parameters[THRESHOLD_PARAMETER].string_value = "0.5"
        return response

    def ModelInfer(self, request: v2.ModelInferRequest, context: grpc.ServicerContext) -> v2.ModelInferResponse:
        self.asked += 1
        context.abort(self.status, "10.1.2.3:9000 is the address of a secret")
        raise AssertionError("abort raises")


@contextlib.contextmanager
def fake_triton(port: int, output: str = contract.OUTPUT_NAME) -> Iterator[FakeTriton]:
    """Run one on 127.0.0.1."""
    server = grpc.server(ThreadPoolExecutor(4))
    servicer = FakeTriton(output)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield servicer
    finally:
        server.stop(None).wait()
