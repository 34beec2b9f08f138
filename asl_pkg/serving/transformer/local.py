"""Start the transformer on this machine, beside a Triton; it ends with the process that started it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from asl_pkg.errors import ServingError
from asl_pkg.serving.ports import free_ports, is_ready, reachable

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05


class LocalTransformer:
    """A transformer with its page; `with` starts and stops it.

    Args:
        predictor: HOST:PORT of Triton's gRPC.
        host: Address to listen on.
        port: Port of HTTP; the next free one if taken.
        flags: Further flags of its command line.

    Raises:
        ServingError: It is not ready in time; the message names its log.
    """

    def __init__(self, predictor: str, host: str, port: int, flags: Sequence[str] = ()) -> None:
        self.host = host
        self.port = port
        self._flags = ["--predictor_host", predictor, "--host", host, *flags]

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{reachable(self.host)}:{self.port}/"

    @property
    def log(self) -> Path:
        """Log of the transformer; a normal shutdown removes it."""
        return self._folder / "transformer.log"

    def __enter__(self) -> Self:
        """Start it and return when it has found Triton."""
        (self.port,) = free_ports(self.host, [self.port])
        self._folder = Path(tempfile.mkdtemp(prefix="asl-page-"))
        try:
            self._process = self._popen()
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        try:
            self._wait_until_ready()
        except BaseException as error:
            self._end(keep_log=isinstance(error, ServingError))
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Stop it."""
        self._end(keep_log=self._process.poll() is not None)

    def check(self) -> None:
        """Check that it runs: it should never exit by itself.

        Raises:
            ServingError: It exited.
        """
        if (code := self._process.poll()) is not None:
            raise ServingError(
                f"the page's server exited by itself (exit code {code}), see {self.log}; `asl serve` starts it again"
            )

    def _popen(self) -> subprocess.Popen[bytes]:
        # gRPC gets any port: who speaks it asks Triton
        ports = ["--http_port", str(self.port), "--grpc_port", "0"]
        with self.log.open("wb") as output:
            return subprocess.Popen(
                # setpriv as for Triton; -P: no file of the working folder replaces a module
                ["setpriv", "--pdeathsig=TERM", sys.executable, "-P", "-m", __package__, *self._flags, *ports],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches this process only, which stops it gracefully
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                reason = self.log.read_text(errors="replace").strip().rpartition("\n")[2]
                raise ServingError(
                    f"the page's server did not start: {reason}; see {self.log}; serve.page=false leaves it out"
                )
            if is_ready(self.host, self.port, 5):
                return
            time.sleep(POLL_S)
        raise ServingError(
            f"the page's server was not ready within {START_TIMEOUT_S:.0f} s; see {self.log}; "
            "serve.page=false leaves it out"
        )

    def _end(self, keep_log: bool) -> None:
        self._process.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
        finally:
            with contextlib.suppress(ProcessLookupError):  # no process is left
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            if not keep_log:
                shutil.rmtree(self._folder)
