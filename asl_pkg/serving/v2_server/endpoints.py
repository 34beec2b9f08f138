"""Parts of the Open Inference Protocol that KServe's SDK lacks: versions in URLs, responses without nulls."""

from fastapi import FastAPI
from fastapi.requests import Request
from fastapi.responses import JSONResponse, Response
from kserve.errors import ModelNotFound
from kserve.protocol.grpc import grpc_predict_v2_pb2 as v2
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.rest.v2_datamodels import InferenceRequest, ModelMetadataResponse, ModelReadyResponse
from kserve.protocol.rest.v2_endpoints import V2Endpoints

VERSION = "1"  # the only version, as in Triton's model repository


def require_version(model_name: str, version: str | None) -> None:
    """Refuse an unknown version of the model.

    Args:
        model_name: Name in the v2 protocol.
        version: Requested version; None means any.

    Raises:
        ModelNotFound: The version does not exist.
    """
    if version not in (None, "", VERSION):
        raise ModelNotFound(f"{model_name!r} and version {version!r}")


class Endpoints(V2Endpoints):
    """The SDK's endpoints for a single model with a single version."""

    async def model_metadata(self, model_name: str, model_version: str | None = None) -> ModelMetadataResponse:
        """Describe the model."""
        require_version(model_name, model_version)
        return await super().model_metadata(model_name)

    async def model_ready(self, model_name: str, model_version: str | None = None) -> ModelReadyResponse:
        """Say whether the model is ready."""
        require_version(model_name, model_version)
        return await super().model_ready(model_name)

    async def infer(
        self,
        raw_request: Request,
        raw_response: Response,
        model_name: str,
        request_body: InferenceRequest | bytes,
        model_version: str | None = None,
    ) -> Response:
        """Answer an inference request."""
        require_version(model_name, model_version)
        answer = await super().infer(raw_request, raw_response, model_name, request_body)
        if isinstance(answer, Response):
            return answer
        return JSONResponse(answer.model_dump(exclude_none=True), headers=dict(raw_response.headers))

    def add_to(self, app: FastAPI) -> None:
        """Register these endpoints before the SDK registers its own.

        Args:
            app: The SDK's application, without its endpoints.
        """
        for model in ("/v2/models/{model_name}", "/v2/models/{model_name}/versions/{model_version}"):
            app.add_api_route(model, self.model_metadata)
            app.add_api_route(f"{model}/ready", self.model_ready)
            app.add_api_route(f"{model}/infer", self.infer, methods=["POST"], response_model=None)


class Servicer(InferenceServicer):
    """The SDK's gRPC service for a single model with a single version."""

    async def ModelReady(self, request: v2.ModelReadyRequest, context: object) -> v2.ModelReadyResponse:  # noqa: N802
        """Say whether the model is ready."""
        if request.version not in ("", VERSION):
            return v2.ModelReadyResponse(ready=False)
        return await super().ModelReady(request, context)

    async def ModelMetadata(  # noqa: N802
        self, request: v2.ModelMetadataRequest, context: object
    ) -> v2.ModelMetadataResponse:
        """Describe the model."""
        require_version(request.name, request.version)
        answer = await super().ModelMetadata(request, context)
        answer.versions.append(VERSION)
        return answer

    async def ModelInfer(self, request: v2.ModelInferRequest, context: object) -> v2.ModelInferResponse:  # noqa: N802
        """Answer an inference request."""
        require_version(request.model_name, request.model_version)
        return await super().ModelInfer(request, context)
