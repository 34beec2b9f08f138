"""A strict S3 server over HTTP: SeaweedFS, from PyPI, checks signatures, conditions and ranges as AWS does.

Another one is used where ASL_TEST_S3_ENDPOINT names it, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of one who may
make buckets there.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

WEED = Path(sys.executable).parent / "weed"
PORTS = [f"{server}.port{kind}" for server in ("s3", "filer", "master", "volume") for kind in ("", ".grpc")]
START_S = 30


@contextmanager
def s3_server(public: bool = False) -> Iterator[dict[str, str]]:
    """Run the server, or take the one that ASL_TEST_S3_ENDPOINT names.

    Args:
        public: whoever asks may do everything, without credentials; always a server of its own.

    Yields:
        The AWS_* variables that lead there.
    """
    endpoint = os.environ.get("ASL_TEST_S3_ENDPOINT")
    if endpoint and not public:
        yield _variables(endpoint, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        return
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    variables = _variables(f"http://127.0.0.1:{ports['s3.port']}", "test-access", "test-secret-of-nobody")
    if public:
        variables |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    with tempfile.TemporaryDirectory() as folder:
        options = [
            f"-dir={folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-s3",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.localSocket={folder}/s3.sock",
            f"-filer.localSocket={folder}/filer.sock",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=1000",  # seven are made for every bucket
            *(f"-{name}={port}" for name, port in ports.items()),
        ]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(
                [WEED, "server", *options], cwd=folder, stdout=log, stderr=log, env=os.environ | variables
            )
        try:
            _wait(variables["AWS_ENDPOINT_URL"], process, Path(folder, "log"))
            yield variables
        finally:
            process.kill()
            process.wait()


def _variables(endpoint: str, access_key: str, secret_key: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for socket_ in sockets:
            socket_.bind(("127.0.0.1", 0))
        return [socket_.getsockname()[1] for socket_ in sockets]


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return  # it refuses those who do not sign: it is there
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"SeaweedFS does not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.05)
        else:
            return
