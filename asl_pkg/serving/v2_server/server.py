"""KServe's own v2 server with a single model, over HTTP and gRPC, for `engine=kserve` and the transformer."""

import asyncio
import contextlib
import logging
import socket
import warnings
from collections.abc import Sequence
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
from starlette.routing import BaseRoute

from asl_pkg import contract
from asl_pkg.errors import ServingError
from asl_pkg.serving.v2_server.body_limit import BodyLimit
from asl_pkg.serving.v2_server.cors import LENGTH_HEADER, with_cors
from asl_pkg.serving.v2_server.endpoints import VERSION, Endpoints, Servicer
from asl_pkg.serving.v2_server.errors import DecodingInterceptor, add_error_handlers
from asl_pkg.serving.v2_server.requests import read_binary

GRACE_S = 5  # for pending requests
MAX_BYTES = 32 * 2**20  # of a request: 32 images as JSON numbers take half of it


class ReleasedModel(Model):
    """A model that knows its release.

    Args:
        name: Name in the v2 protocol.
    """

    @property
    def release(self) -> str:
        """The release; empty if answers may come from several."""
        raise NotImplementedError

    async def work(self) -> None:
        """Run in the background until cancelled."""


class NamedDataPlane(DataPlane):
    """Reports the release in the server's name, as our Triton does, and reads binary tensors."""

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
    """Refuses to load or unload models."""

    async def load(self, model_name: str) -> NoReturn:
        """Refuse."""
        raise InvalidInput("loading models is disabled: this server serves a single release")

    async def unload(self, model_name: str) -> NoReturn:
        """Refuse."""
        raise InvalidInput("unloading models is disabled: this server serves a single release")


class KServeServer:
    """KServe's server; it listens from the start and answers in `run`.

    Args:
        model: The model.
        host: Address to listen on.
        http_port: Port of v2 and v1 over HTTP.
        grpc_port: Port of v2 over gRPC.
        routes: Further addresses over HTTP; they win over the SDK's.
        cors_origins: Origins of other pages that may ask over HTTP.

    Raises:
        ServingError: A port is taken.
    """

    def __init__(
        self,
        model: ReleasedModel,
        host: str,
        http_port: int,
        grpc_port: int,
        *,
        routes: Sequence[BaseRoute] = (),
        cors_origins: Sequence[str] = (),
    ) -> None:
        for name in ("kserve", "uvicorn"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # it logs a traceback for every malformed request
        warnings.filterwarnings("ignore", module="fastapi")  # about code of the SDK
        self.host = host
        self.ports = [http_port, grpc_port]
        self._socket = _listen(host, http_port)
        _listen(host, grpc_port).close()  # fail here if it is taken: gRPC would log a line of its own
        self._routes = routes
        self._cors_origins = cors_origins
        self._model = model
        repository = ModelRepository()
        repository.update(model)
        self._data_plane = NamedDataPlane(repository, model)
        self._closed = ClosedRepository(repository)

    @property
    def http_url(self) -> str:
        """URL of v2 over HTTP."""
        return f"http://{self.host}:{self.ports[0]}"

    @property
    def grpc_url(self) -> str:
        """URL of v2 over gRPC."""
        return f"grpc://{self.host}:{self.ports[1]}"

    def run(self) -> None:
        """Serve until Ctrl-C or SIGTERM."""
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
        app.routes.extend(self._routes)
        Endpoints(self._data_plane, self._closed).add_to(app)
        rest.create_application()
        add_error_handlers(app)
        app.add_middleware(BodyLimit, max_bytes=MAX_BYTES)
        rest.config.app = with_cors(app, self._cors_origins)  # around all of it, the answers to failures too
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
    # Inherited by connections. Without it the second part of a response waits 40 ms for the client's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
