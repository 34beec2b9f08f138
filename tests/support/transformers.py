"""A transformer in its own process; its SDK and tritonclient cannot be in one process."""

import contextlib
import http.client
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl_pkg.serving.ports import free_ports
from asl_pkg.serving.triton.local import LocalTriton

START_S = 240


@dataclass(frozen=True)
class Transformer:
    """A running one."""

    http_url: str
    grpc_url: str
    log: Path
    process: subprocess.Popen[bytes]

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = {}
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body of an answer; the path is sent as it is."""
        connection = http.client.HTTPConnection(self.http_url.removeprefix("http://"), timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    @property
    def ready(self) -> bool:
        """What its readiness probe says."""
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            return urllib.request.urlopen(f"{self.http_url}/v2/health/ready", timeout=5).status == 200
        return False


@contextlib.contextmanager
def transformer(
    folder: Path, port: int, *predictors: str, wait: bool = True, flags: Sequence[str] = ()
) -> Iterator[Transformer]:
    """Start one and end it.

    Args:
        folder: gets its log.
        port: wanted for HTTP, the next one for gRPC; others where they are taken.
        predictors: HOST:PORT.
        wait: until it is ready.
        flags: further ones of its command line.
    """
    log = folder / f"transformer-{port}.log"
    http_port, grpc_port = free_ports("127.0.0.1", [port, port + 1])
    ports = ["--host", "127.0.0.1", "--http_port", str(http_port), "--grpc_port", str(grpc_port)]
    command = [sys.executable, "-m", "asl_pkg.serving.transformer", *ports, "--predictor_host", ",".join(predictors)]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *flags], stdout=output, stderr=subprocess.STDOUT)
    try:
        running = Transformer(f"http://127.0.0.1:{http_port}", f"grpc://127.0.0.1:{grpc_port}", log, process)
        if wait:
            until(lambda: running.ready, START_S, log)
        yield running
    finally:
        process.terminate()
        assert process.wait(20) == 0, log.read_text()


def until(condition, seconds: float, log: Path | None = None) -> float:
    """Wait for a condition; how long that took, in seconds."""
    started = time.monotonic()
    while not condition():
        waited = time.monotonic() - started
        assert waited < seconds, log.read_text() if log else f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - started


def address(server: LocalTriton) -> str:
    """Where a transformer finds a Triton."""
    return server.grpc_url.removeprefix("grpc://")
