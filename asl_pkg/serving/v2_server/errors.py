"""Error responses of KServe's server: v2's error object and a suitable status, without internal addresses."""

import struct
from typing import Any

import grpc
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kserve.errors import InvalidInput
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from starlette.exceptions import HTTPException

from asl_pkg.errors import ServingError

# Exceptions of the SDK's decoder on a malformed request; it would answer 500, as if the server were at fault.
DECODING_ERRORS = (
    ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, struct.error, RequestValidationError,
)  # fmt: skip
HTTP_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}

PREDICTOR_FAILURES = {
    grpc.StatusCode.UNAVAILABLE: "no model server is available, try again",
    grpc.StatusCode.DEADLINE_EXCEEDED: "the model server did not answer in time, try again",
    grpc.StatusCode.INVALID_ARGUMENT: "the model server refused the images",
}


class PredictorError(ServingError):
    """No model server answered; the message is for clients and names no address.

    Args:
        code: gRPC status of the last attempt; a status that would blame the client becomes INTERNAL.
    """

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(PREDICTOR_FAILURES.get(code, "the model server failed"))
        self.code = code if code in PREDICTOR_FAILURES else grpc.StatusCode.INTERNAL


class DecodingInterceptor(ExceptionToStatusInterceptor):
    """Gives gRPC clients the same errors as HTTP clients."""

    async def handle_exception(self, ex: Exception, request_or_iterator: Any, context: Any, method_name: str) -> None:
        """Translate an exception to a gRPC status."""
        if isinstance(ex, PredictorError):
            await context.abort(ex.code, str(ex))
        if isinstance(ex, DECODING_ERRORS):
            ex = InvalidInput(_describe(ex))
        await super().handle_exception(ex, request_or_iterator, context, method_name)


def add_error_handlers(app: FastAPI) -> None:
    """Replace the SDK's translation of exceptions.

    Args:
        app: The SDK's application.
    """
    for kind in (InvalidInput, *DECODING_ERRORS):
        app.add_exception_handler(kind, _malformed)
    app.add_exception_handler(PredictorError, _of_predictor)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _internal)


def _describe(error: Exception) -> str:
    if isinstance(error, InvalidInput):
        return str(error)
    if isinstance(error, RequestValidationError):
        places = [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()]
        return f"malformed request: {'; '.join(places)}"
    return f"malformed request: {type(error).__name__} {error}"


def _answer(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status)


async def _malformed(_request: Request, error: Exception) -> JSONResponse:
    return _answer(400, _describe(error))


async def _of_predictor(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PredictorError)
    return _answer(HTTP_STATUSES.get(error.code, 502), str(error))


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _answer(error.status_code, str(error.detail))


async def _internal(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(500, "the server failed, see its log")
