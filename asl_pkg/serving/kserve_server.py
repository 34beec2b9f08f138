"""KServe's own v2 server on ONNX Runtime, for platforms that have no Triton; the same tensors at the same addresses."""

import asyncio
import contextlib
import logging
import socket
import warnings
from typing import Any, NoReturn

import grpc
import numpy as np
import uvicorn
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelRepository
from kserve.errors import InvalidInput, invalid_input_handler
from kserve.model_server import app
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer

from asl_pkg import contract
from asl_pkg.serving.bundle import Bundle
from asl_pkg.serving.onnx_session import open_session, predict
from asl_pkg.serving.ports import free_ports

GRACE_S = 5.0  # for requests that are under way
INPUT = {"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": [-1, contract.IMAGE_PX, contract.IMAGE_PX, 3]}
OUTPUT = {"name": contract.OUTPUT_NAME, "datatype": "FP32", "shape": [-1, len(contract.CLASSES)]}
# What the SDK's decoder lets through on a malformed request; it would answer 500 as if the server were at fault.
DECODING_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError)


class OnnxModel(Model):
    """The model of a bundle, answering as Triton does."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(contract.MODEL_NAME)
        self.session = open_session(bundle.model_path)
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """The input, for the model's metadata."""
        return [INPUT]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The output, for the model's metadata."""
        return [OUTPUT]

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        """Answer one request.

        Args:
            payload: `input`, UINT8 [n, 200, 200, 3].
            headers: of the request.

        Returns:
            `output`, FP32 [n, 29].

        Raises:
            InvalidInput: the request has other tensors.
        """
        pixels = _pixels(payload)
        probabilities = await asyncio.to_thread(predict, self.session, pixels)
        output = InferOutput(contract.OUTPUT_NAME, list(probabilities.shape), "FP32")
        output.set_data_from_numpy(probabilities)
        return InferResponse(
            payload.id or "",
            contract.MODEL_NAME,
            [output],
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


class NamedDataPlane(DataPlane):
    """Tells the release, as our Triton does, in the server's name."""

    def __init__(self, repository: ModelRepository, release: str) -> None:
        super().__init__(repository)
        self.release = release

    def metadata(self) -> dict[str, Any]:
        """The server's metadata."""
        return {**super().metadata(), "name": f"{contract.MODEL_NAME}@{self.release}", "extensions": []}


class ClosedRepository(ModelRepositoryExtension):
    """Lets no client load or unload a model."""

    async def load(self, model_name: str) -> NoReturn:
        """Refuse."""
        raise InvalidInput("loading models is closed: the server serves one release")

    async def unload(self, model_name: str) -> NoReturn:
        """Refuse."""
        raise InvalidInput("unloading models is closed: the server serves one release")


class KServeServer:
    """KServe's server on one bundle; it listens from the start and answers in `run`.

    Args:
        bundle: what it serves, already verified.
        host: address to listen on.
        http_port: for v2 over HTTP; the next free one if taken.
        grpc_port: for v2 over gRPC; the next free one if taken.

    Raises:
        ServingError: the host is no address of this machine, or no port is left.
    """

    def __init__(self, bundle: Bundle, host: str, http_port: int, grpc_port: int) -> None:
        for name in ("kserve", "uvicorn"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # it logs a traceback for every malformed request
        warnings.filterwarnings("ignore", module="fastapi")  # of what the SDK will have to change
        self.host = host
        self.ports = free_ports(host, [http_port, grpc_port])
        self._socket = socket.create_server((host, self.ports[0]))
        repository = ModelRepository()
        repository.update(OnnxModel(bundle))
        self._data_plane = NamedDataPlane(repository, bundle.release)
        self._closed = ClosedRepository(repository)

    @property
    def http_url(self) -> str:
        """Where v2 over HTTP answers."""
        return f"http://{self.host}:{self.ports[0]}"

    @property
    def grpc_url(self) -> str:
        """Where v2 over gRPC answers."""
        return f"grpc://{self.host}:{self.ports[1]}"

    def run(self) -> None:
        """Answer until Ctrl-C or SIGTERM."""
        with contextlib.closing(self._socket):
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        grpc_server = grpc.aio.server(interceptors=[DecodingInterceptor()])
        add_GRPCInferenceServiceServicer_to_server(InferenceServicer(self._data_plane, self._closed), grpc_server)
        grpc_server.add_insecure_port(f"{self.host}:{self.ports[1]}")
        rest = RESTServer("kserve.model_server:app", self._data_plane, self._closed, self.ports[0])
        rest.create_application()
        for error in DECODING_ERRORS:
            app.add_exception_handler(error, invalid_input_handler)
        await grpc_server.start()
        try:
            await uvicorn.Server(rest.config).serve(sockets=[self._socket])
        finally:
            await grpc_server.stop(GRACE_S)


class DecodingInterceptor(ExceptionToStatusInterceptor):
    """Calls a malformed request over gRPC the client's error, as over HTTP."""

    async def handle_exception(self, ex: Exception, *arguments: Any) -> None:
        """Translate an exception to a gRPC status."""
        known = InvalidInput(str(ex)) if isinstance(ex, DECODING_ERRORS) and not isinstance(ex, InvalidInput) else ex
        await super().handle_exception(known, *arguments)


def _pixels(request: InferRequest) -> np.ndarray:
    """The pixels of a request, uint8 [n, 200, 200, 3]."""
    found = [(one.name, one.datatype, list(one.shape)) for one in request.inputs]
    wanted = [(INPUT["name"], INPUT["datatype"], [shape[0], *INPUT["shape"][1:]]) for _, _, shape in found if shape]
    if len(found) != 1 or found != wanted or not 1 <= found[0][2][0] <= contract.MAX_BATCH:
        raise InvalidInput(f"got {found}, expected {list(INPUT.values())} with 1 to {contract.MAX_BATCH} pictures")
    for output in request.request_outputs or []:
        if output.name != contract.OUTPUT_NAME:
            raise InvalidInput(f"there is no output {output.name!r}, only {contract.OUTPUT_NAME!r}")
    values = np.asarray(request.inputs[0].as_numpy())
    return values.astype(np.uint8, copy=False)
