"""A client of a model server that speaks v2, over HTTP or gRPC, with tensors as raw bytes."""

import importlib
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from asl_pkg import contract
from asl_pkg.bundle.triton_config import THRESHOLD_PARAMETER
from asl_pkg.errors import ServingError, SettingError
from asl_pkg.inference.postprocess import check_output

TIMEOUT_S = 30.0
# A server that has just become ready can still refuse its first connections.
RETRY_S = 1.0
RETRY_PAUSE_S = 0.1
NO_SUCH_METHOD = ("404", "StatusCode.UNIMPLEMENTED")


class Client:
    """Queries a model server; for use in one thread.

    Args:
        url: `http://HOST:PORT` or `grpc://HOST:PORT`.
        timeout_s: Longest wait for an answer.

    Raises:
        SettingError: The URL is of another kind.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        scheme, address = _parse(url)
        self.url = url
        self._kit = importlib.import_module(f"tritonclient.{scheme}")
        self._failures = _failures(scheme)
        self._retry_until = 0.0
        if scheme == "http":
            options: dict[str, Any] = {"connection_timeout": timeout_s, "network_timeout": timeout_s}
            self._timeout: dict[str, float] = {}
        else:
            # gRPC's own pause of a second between attempts would outlast our retries; HTTP's client knows no proxy
            backoff = ("grpc.initial_reconnect_backoff_ms", int(RETRY_PAUSE_S * 1000))
            options = {"channel_args": [backoff, ("grpc.enable_http_proxy", 0)]}
            self._timeout = {"client_timeout": timeout_s}
        self._connection = self._kit.InferenceServerClient(address, **options)

    @property
    def release(self) -> str:
        """The release that the server reports."""
        name = str(self._ask("get_server_metadata")["name"])
        model, _, release = name.partition("@")
        return release if model == contract.MODEL_NAME and release else "unknown"

    @property
    def confidence_threshold(self) -> float:
        """Confidence below which the answer is `unsure`, from the server's model configuration."""
        try:
            config = self._ask("get_model_config", contract.MODEL_NAME)
            return float(config.get("config", config)["parameters"][THRESHOLD_PARAMETER]["string_value"])
        except (KeyError, ValueError, _NoSuchMethodError) as error:
            reason = f"{self.url} does not report a confidence threshold: add confidence_threshold=NUMBER"
            raise ServingError(reason) from error

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """Query the probabilities of the classes.

        Args:
            pixels: uint8 [n, 200, 200, 3], RGB; more than the server accepts at once are sent in several requests.

        Returns:
            float32 [n, 29], in the order of contract.CLASSES.

        Raises:
            ServingError: No server answers, or the answer is an error or not probabilities.
        """
        size = contract.MAX_BATCH
        parts = [self._predict(pixels[start : start + size]) for start in range(0, len(pixels), size)]
        return np.concatenate([np.empty((0, len(contract.CLASSES)), np.float32), *parts])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _predict(self, pixels: np.ndarray) -> np.ndarray:
        def ask() -> Any:
            tensor = self._kit.InferInput(contract.INPUT_NAME, pixels.shape, "UINT8")
            tensor.set_data_from_numpy(pixels)
            wanted = [self._kit.InferRequestedOutput(contract.OUTPUT_NAME)]
            return self._connection.infer(contract.MODEL_NAME, [tensor], outputs=wanted, **self._timeout)

        answer: np.ndarray = self._call(ask).as_numpy(contract.OUTPUT_NAME)
        if fault := check_output(answer, len(pixels)):
            raise ServingError(f"{self.url} gave {fault}")
        return answer

    def _ask(self, method: str, *arguments: str) -> dict[str, Any]:
        """Query JSON, the same over both protocols."""
        as_json = {"as_json": True} if self._timeout else {}
        function = getattr(self._connection, method)
        answer: dict[str, Any] = self._call(lambda: function(*arguments, **as_json, **self._timeout))
        return answer

    def _call(self, function: Callable[[], Any]) -> Any:
        """Call, retry while a new server refuses connections, and turn every failure into one line."""
        self._retry_until = self._retry_until or time.monotonic() + RETRY_S
        while True:
            try:
                return function()
            except self._failures as error:
                if _status(error) in NO_SUCH_METHOD:
                    raise _NoSuchMethodError(f"{self.url}: {_one_line(error)}") from error
                if not _is_refused(error):
                    raise ServingError(f"{self.url}: {_one_line(error)}") from error
                if time.monotonic() > self._retry_until:
                    raise ServingError(f"no server answers at {self.url}: `asl serve` starts one") from error
                time.sleep(RETRY_PAUSE_S)


class _NoSuchMethodError(ServingError):
    """The server speaks v2 without the requested extension."""


def _parse(url: str) -> tuple[str, str]:
    """Scheme and HOST:PORT of a URL."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "grpc") and parts.hostname and parts.port and parts.path in ("", "/"):
            return parts.scheme, parts.netloc
    except ValueError:  # a port that is not a number, brackets that do not match
        pass
    raise SettingError(f"url={url}: expected http://HOST:PORT or grpc://HOST:PORT")


def _failures(scheme: str) -> tuple[type[Exception], ...]:
    """Exceptions of the client library; the HTTP client also raises those of its transport."""
    utils: ModuleType = importlib.import_module("tritonclient.utils")
    if scheme == "grpc":
        return (utils.InferenceServerException,)
    parser = importlib.import_module("geventhttpclient.response")
    return (utils.InferenceServerException, OSError, ValueError, parser.HTTPParseError)


def _is_refused(error: Exception) -> bool:
    """Whether nothing listens there (yet): no request was sent, so a retry is harmless."""
    return isinstance(error, ConnectionRefusedError) or (
        _status(error) == "StatusCode.UNAVAILABLE" and "connect" in str(error).lower()
    )


def _status(error: Exception) -> str:
    """Status of the answer, `404` or `StatusCode.UNAVAILABLE`; empty if there was none."""
    return str(getattr(error, "status", str)() or "")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
