"""Start a real Triton on a bundle on this machine; it ends with the process that started it."""

import contextlib
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
from asl_pkg.serving.ports import free_ports, is_ready, reachable
from asl_pkg.serving.triton import command
from asl_pkg.serving.triton.environment import TritonEnvironment, find_triton
from asl_pkg.serving.triton.log import failure_reason

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 2.0 * command.EXIT_TIMEOUT_S
STOPPED = "All models are stopped"  # Triton logs it when no request is pending any more
SERVER = "server"  # folder that the server is started on
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - POSIX shared memory, not a temporary file of ours
POLL_S = 0.05
PORT_ATTEMPTS = 3
SCRATCH = ("/tmp", "/var/tmp")  # noqa: S108 - alternatives to an unsuitable TMPDIR


class LocalTriton:
    """A Triton server on a bundle; `with` starts and stops it.

    Args:
        bundle: Bundle to serve, already verified.
        host: Address to listen on.
        http_port: Port of v2 over HTTP; the next free one if taken.
        grpc_port: Port of v2 over gRPC; the next free one if taken.
        metrics_port: Port of the Prometheus metrics; the next free one if taken.

    Raises:
        ServingError: Triton is not installed, refuses the model, or is not ready in time; the message names its log.
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
        """URL of v2 over HTTP."""
        return f"http://{reachable(self.host)}:{self.ports[0]}"

    @property
    def grpc_url(self) -> str:
        """URL of v2 over gRPC."""
        return f"grpc://{reachable(self.host)}:{self.ports[1]}"

    @property
    def metrics_url(self) -> str:
        """URL of the Prometheus metrics."""
        return f"http://{reachable(self.host)}:{self.ports[2]}/metrics"

    @property
    def pid(self) -> int:
        """Process ID of the server."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """Log of the server; a normal shutdown removes it."""
        return self._folder / "triton.log"

    def __enter__(self) -> Self:
        """Start the server and return when it is ready."""
        environment = find_triton()
        self._folder = Path(tempfile.mkdtemp(prefix="asl-triton-", dir=_scratch()))
        try:
            command.lay_out(environment, self.bundle, self._folder / SERVER)
            self._start(environment)
        except ServingError:
            # keep the log: the error message names it
            shutil.rmtree(self._folder / SERVER if self.log.exists() else self._folder)
            raise
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the server and its child processes."""
        failed = self._process.poll() is not None
        self._end()
        shutil.rmtree(self._folder / SERVER if failed else self._folder)  # keep the log of a failure

    def check(self) -> None:
        """Check that the server runs: it should never exit by itself.

        Raises:
            ServingError: It exited.
        """
        if (code := self._process.poll()) is not None:
            raise ServingError(
                f"Triton exited by itself (exit code {code}), see {self.log}; `asl serve` starts it again"
            )

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
                start_new_session=True,  # Ctrl-C reaches this process only, which stops the server gracefully
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                why = failure_reason(self._said())
                kind = _PortTakenError if "already in use" in why else ServingError
                raise kind(f"Triton refused {self.bundle.folder}: {why}; see {self.log}")
            # check the log too: another server may answer on this port until ours finds it taken
            if "Started Metrics Service" in self._said() and is_ready(self.host, self.ports[0], 1):
                return
            time.sleep(POLL_S)
        raise ServingError(f"Triton was not ready within {START_TIMEOUT_S:.0f} s; see {self.log}")

    def _end(self) -> None:
        """Let it finish pending requests, then kill it: unloading the model takes seconds for nothing."""
        self._process.terminate()
        try:
            deadline = time.monotonic() + STOP_TIMEOUT_S
            while self._process.poll() is None and STOPPED not in self._said() and time.monotonic() < deadline:
                time.sleep(POLL_S)
        finally:
            with contextlib.suppress(ProcessLookupError):  # no process is left
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for region in SHARED_MEMORY.glob(f"{self._folder.name}*"):
                region.unlink()

    def _said(self) -> str:
        return self.log.read_text(errors="replace")


def _scratch() -> Path:
    """A folder for Triton's temporary files: its Python backend splits paths at spaces and runs a program there."""
    folders = [Path(tempfile.gettempdir()), *map(Path, SCRATCH), Path.cwd()]
    for folder in folders:
        usable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and not re.search(r"\s", str(folder))
        if usable and not os.statvfs(folder).f_flag & os.ST_NOEXEC:
            return folder
    raise ServingError(
        f"no folder for Triton's temporary files among {', '.join(map(str, folders))}: each has spaces in its path, "
        "is not writable, or is mounted noexec; set TMPDIR=FOLDER"
    )


class _PortTakenError(ServingError):
    """Another process took a port between our check and Triton's start."""
