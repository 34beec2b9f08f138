"""KServe's own v2 server with one model, over HTTP and gRPC: `engine=kserve` and the transformer share it."""

import asyncio
import contextlib
import logging
import socket
import warnings
from typing import Any, NoReturn

import grpc
import uvicorn
from kserve import InferRequest, Model, ModelRepository
from kserve.errors import InvalidInput
from kserve.model_server import app
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer

from asl_pkg import contract
from asl_pkg.errors import ServingError
from asl_pkg.serving.v2_server.body_limit import BodyLimit
from asl_pkg.serving.v2_server.endpoints import VERSION, Endpoints, Servicer
from asl_pkg.serving.v2_server.errors import DecodingInterceptor, add_error_handlers
from asl_pkg.serving.v2_server.requests import read_binary

GRACE_S = 5  # for requests that are under way
MAX_BYTES = 32 * 2**20  # of one request: 32 images as JSON numbers take half of it
LENGTH_HEADER = "inference-header-content-length"


class ReleasedModel(Model):
    """A model that knows which release it answers with.

    Args:
        name: in the v2 protocol.
    """

    @property
    def release(self) -> str:
        """The release; empty where answers may be of several."""
        raise NotImplementedError

    async def work(self) -> None:
        """What goes on beside the requests, until it is cancelled."""


class NamedDataPlane(DataPlane):
    """Tells the release in the server's name, as our Triton does, and reads tensors as they come."""

    def __init__(self, repository: ModelRepository, model: ReleasedModel) -> None:
        super().__init__(repository)
        self._model = model

    def metadata(self) -> dict[str, Any]:
        """The server's metadata."""
        return {**super().metadata(), "name": f"{contract.MODEL_NAME}@{self._model.release}", "extensions": []}

    async def model_metadata(self, model_name: str) -> dict[str, Any]:
        """The model's metadata."""
        return {**await super().model_metadata(model_name), "versions": [VERSION]}

    async def ready(self) -> bool:
        """Whether the server can answer."""
        return await self._model.healthy()

    def decode_inference_request(self, body: Any, headers: dict[str, str], model_name: str) -> InferRequest:
        """Read a v2 request."""
        if isinstance(body, bytes):
            return read_binary(body, int(headers.get(LENGTH_HEADER, len(body))), model_name)
        return super().decode_inference_request(body, headers, model_name)


class ClosedRepository(ModelRepositoryExtension):
    """Lets no client load or unload a model."""

    async def load(self, model_name: str) -> NoReturn:
        """Refuse."""
        raise InvalidInput("loading models is closed: the server serves one release")

    async def unload(self, model_name: str) -> NoReturn:
        """Refuse."""
        raise InvalidInput("unloading models is closed: the server serves one release")


class KServeServer:
    """KServe's server; it listens from the start and answers in `run`.

    Args:
        model: what answers.
        host: address to listen on.
        http_port: for v2 and v1 over HTTP.
        grpc_port: for v2 over gRPC.

    Raises:
        ServingError: a port is taken.
    """

    def __init__(self, model: ReleasedModel, host: str, http_port: int, grpc_port: int) -> None:
        for name in ("kserve", "uvicorn"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # it logs a traceback for every malformed request
        warnings.filterwarnings("ignore", module="fastapi")  # of what the SDK will have to change
        self.host = host
        self.ports = [http_port, grpc_port]
        self._socket = _listen(host, http_port)
        _listen(host, grpc_port).close()  # gRPC would say in a line of its own that it is taken
        self._model = model
        repository = ModelRepository()
        repository.update(model)
        self._data_plane = NamedDataPlane(repository, model)
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
        options = [("grpc.max_receive_message_length", MAX_BYTES), ("grpc.so_reuseport", 0)]
        grpc_server = grpc.aio.server(interceptors=[DecodingInterceptor()], options=options)
        add_GRPCInferenceServiceServicer_to_server(Servicer(self._data_plane, self._closed), grpc_server)
        grpc_server.add_insecure_port(f"{self.host}:{self.ports[1]}")
        rest = RESTServer(
            "kserve.model_server:app", self._data_plane, self._closed, self.ports[0], grace_period=GRACE_S
        )
        Endpoints(self._data_plane, self._closed).add_to(app)
        rest.create_application()
        add_error_handlers(app)
        app.add_middleware(BodyLimit, max_bytes=MAX_BYTES)
        await grpc_server.start()
        work = asyncio.create_task(self._model.work())
        try:
            await uvicorn.Server(rest.config).serve(sockets=[self._socket])
        finally:
            await grpc_server.stop(GRACE_S)
            work.cancel()


def _listen(host: str, port: int) -> socket.socket:
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise ServingError(f"{host}:{port}: {error.strerror}") from error
    # Connections inherit it. Else the second part of an answer waits until the client acknowledges the first: 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
