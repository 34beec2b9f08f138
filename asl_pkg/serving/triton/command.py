"""The command line of a local Triton, and the folder with its backends."""

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.serving.triton.environment import TritonEnvironment

EXIT_TIMEOUT_S = 5  # for pending requests
# With these a client could load its own model, and so run code, or read this machine's memory.
CLOSED_APIS = "model-repository,shared-memory,trace,logging"
BACKENDS = "backends"
ONNXRUNTIME_BACKEND = Path(__file__).parent / "backends" / "onnxruntime" / "model.py"


def lay_out(environment: TritonEnvironment, bundle: Bundle, folder: Path) -> None:
    """Create the folder that a server is started on.

    The backends are copies: Triton refuses a library that links out of their directory. The model repository is a link,
    because its real path may have spaces, which Triton's Python backend does not support.

    Args:
        environment: Triton's environment, with its Python backend.
        bundle: Bundle to serve.
        folder: Folder to create.
    """
    for name, files in {"python": environment.python_backend, "onnxruntime": [ONNXRUNTIME_BACKEND]}.items():
        (folder / BACKENDS / name).mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder / BACKENDS / name)
    (folder / contract.REPOSITORY_FOLDER).symlink_to(bundle.repository.absolute())


def command(environment: TritonEnvironment, bundle: Bundle, folder: Path, host: str, ports: Sequence[int]) -> list[str]:
    """Give the command line of the server.

    Args:
        environment: Triton's environment.
        bundle: Bundle to serve.
        folder: Folder created by `lay_out`; its parent's name is the prefix of the shared-memory regions.
        host: Address to listen on.
        ports: Ports of HTTP, gRPC and metrics.

    Returns:
        Program and arguments.
    """
    # a line break cannot be sent in a header, so nobody can present this key, even if they read the command line
    key = f"{CLOSED_APIS}:asl-admin={secrets.token_hex(16)}\n"
    http_port, grpc_port, metrics_port = ports
    return [
        # from util-linux: the kernel ends the server when the parent process ends, even if that is killed
        "setpriv",
        "--pdeathsig=TERM",
        str(environment.program),
        f"--id={contract.MODEL_NAME}@{bundle.release}",
        f"--model-repository={folder / contract.REPOSITORY_FOLDER}",
        f"--backend-directory={folder / BACKENDS}",
        "--model-control-mode=explicit",
        f"--load-model={contract.MODEL_NAME}",
        "--disable-auto-complete-config",
        "--strict-readiness=true",
        f"--exit-timeout-secs={EXIT_TIMEOUT_S}",
        # to recognise what a killed server leaves in shared memory; `python` covers our backend too
        f"--backend-config=python,shm-region-prefix-name={folder.parent.name}",
        "--allow-gpu-metrics=false",
        f"--http-address={host}",
        f"--grpc-address={host}",
        f"--metrics-address={host}",
        f"--http-port={http_port}",
        f"--grpc-port={grpc_port}",
        f"--metrics-port={metrics_port}",
        f"--http-restricted-api={key}",
        f"--grpc-restricted-protocol={key}",
    ]
