"""A real Triton on this machine: started on a bundle, ready within seconds, gone with whoever started it."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.errors import ServingError
from asl_pkg.serving.ports import free_ports
from asl_pkg.serving.triton import command
from asl_pkg.serving.triton.environment import TritonEnvironment, find
from asl_pkg.serving.triton.log import reason

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 2.0 * command.EXIT_TIMEOUT_S
STOPPED = "All models are stopped"  # Triton's word that no request is under way any more
SERVER = "server"  # folder that it is started on
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where POSIX keeps it, not a folder of ours
POLL_S = 0.05
PORT_ATTEMPTS = 3
SCRATCH = ("/tmp", "/var/tmp")  # noqa: S108 - where TMPDIR does not do


class LocalTriton:
    """A Triton server on one bundle; `with` starts it and ends it.

    Args:
        bundle: what it serves, already verified.
        host: address to listen on.
        http_port: for v2 over HTTP; the next free one if taken.
        grpc_port: for v2 over gRPC; the next free one if taken.
        metrics_port: for Prometheus; the next free one if taken.

    Raises:
        ServingError: Triton is not installed, refuses the model, or is not ready in time; the text names its log.
    """

    def __init__(
        self,
        bundle: Bundle,
        host: str = "127.0.0.1",
        http_port: int = contract.HTTP_PORT,
        grpc_port: int = contract.GRPC_PORT,
        metrics_port: int = contract.METRICS_PORT,
    ) -> None:
        self.bundle = bundle
        self.host = host
        self.ports = [http_port, grpc_port, metrics_port]
        self.ready_s = 0.0

    @property
    def http_url(self) -> str:
        """Where v2 over HTTP answers."""
        return f"http://{self._reachable}:{self.ports[0]}"

    @property
    def grpc_url(self) -> str:
        """Where v2 over gRPC answers."""
        return f"grpc://{self._reachable}:{self.ports[1]}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus reads."""
        return f"http://{self._reachable}:{self.ports[2]}/metrics"

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the server writes; it goes with a server that was ended in order."""
        return self._folder / "triton.log"

    @property
    def _reachable(self) -> str:
        return "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104 - compared, not bound

    def __enter__(self) -> Self:
        """Start the server and return when it is ready."""
        environment = find()
        self._folder = Path(tempfile.mkdtemp(prefix="asl-triton-", dir=_scratch()))
        try:
            command.lay_out(environment, self.bundle, self._folder / SERVER)
            self._start(environment)
        except ServingError:
            # where the server wrote a log it stays: the error names it
            shutil.rmtree(self._folder / SERVER if self.log.exists() else self._folder)
            raise
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """End the server and everything it started."""
        failed = self._process.poll() is not None
        self._end()
        shutil.rmtree(self._folder / SERVER if failed else self._folder)  # the log of a failure stays

    def wait(self) -> None:
        """Stay until the server ends by itself, which it should never do.

        Raises:
            ServingError: it ended.
        """
        code = self._process.wait()
        raise ServingError(f"Triton ended by itself (exit {code}); its log: {self.log}; `asl serve` starts it again")

    def _start(self, environment: TritonEnvironment) -> None:
        for attempt in range(PORT_ATTEMPTS):
            started = time.monotonic()
            self.ports = free_ports(self.host, self.ports)
            self._process = self._popen(environment)
            try:
                self._wait_until_ready()
            except _PortTakenError:
                if attempt == PORT_ATTEMPTS - 1:
                    raise
                continue
            except BaseException:
                self._end()
                raise
            self.ready_s = time.monotonic() - started
            return

    def _popen(self, environment: TritonEnvironment) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as output:
            return subprocess.Popen(
                command.command(environment, self.bundle, self._folder / SERVER, self.host, self.ports),
                env=environment.variables(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone, and we end the server in order
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                why = reason(self._said())
                kind = _PortTakenError if "already in use" in why else ServingError
                raise kind(f"Triton refused {self.bundle.folder}: {why}; its log: {self.log}")
            # the log, since another server may answer on this port until ours finds it taken
            if "Started Metrics Service" in self._said() and self._answers():
                return
            time.sleep(POLL_S)
        raise ServingError(f"Triton was not ready in {START_TIMEOUT_S:.0f} s; its log: {self.log}")

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self._reachable, self.ports[0], timeout=1)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        return False

    def _end(self) -> None:
        """Let it answer what is under way, then kill it: unloading the model takes seconds that help nobody."""
        self._process.terminate()
        try:
            deadline = time.monotonic() + STOP_TIMEOUT_S
            while self._process.poll() is None and STOPPED not in self._said() and time.monotonic() < deadline:
                time.sleep(POLL_S)
        finally:
            with contextlib.suppress(ProcessLookupError):  # nobody is left
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for region in SHARED_MEMORY.glob(f"{self._folder.name}*"):
                region.unlink()

    def _said(self) -> str:
        return self.log.read_text(errors="replace")


def _scratch() -> Path:
    """A folder for Triton's temporary files: its Python backend splits paths at blanks and runs a program there."""
    places = [Path(tempfile.gettempdir()), *map(Path, SCRATCH), Path.cwd()]
    for place in places:
        usable = place.is_dir() and os.access(place, os.W_OK | os.X_OK) and not re.search(r"\s", str(place))
        if usable and not os.statvfs(place).f_flag & os.ST_NOEXEC:
            return place
    raise ServingError(
        f"no folder for Triton's temporary files among {', '.join(map(str, places))}: each has blanks in its name, "
        "cannot be written, or is mounted noexec; TMPDIR=FOLDER names another"
    )


class _PortTakenError(ServingError):
    """Another process took a port between our look and Triton's."""
