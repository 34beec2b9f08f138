"""How a Triton on this machine is called: its command line and its folder of backends."""

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.serving.triton.environment import TritonEnvironment

EXIT_TIMEOUT_S = 5  # for requests that are under way
# Through these a client could load a model of its own, which is running code, or read this machine's memory.
CLOSED_APIS = "model-repository,shared-memory,trace,logging"
BACKENDS = "backends"
ONNXRUNTIME_BACKEND = Path(__file__).parent / "backends" / "onnxruntime" / "model.py"


def lay_out(environment: TritonEnvironment, bundle: Bundle, folder: Path) -> None:
    """Make the folder that a server is started on.

    The backends are copies, since Triton refuses a library that is a link out of their directory. The model repository
    is a link: Triton's Python backend takes its path apart at spaces.

    Args:
        environment: where Triton's own Python backend lies.
        bundle: what is to be served.
        folder: the folder to make.
    """
    for name, files in {"python": environment.python_backend, "onnxruntime": [ONNXRUNTIME_BACKEND]}.items():
        (folder / BACKENDS / name).mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder / BACKENDS / name)
    (folder / contract.REPOSITORY_FOLDER).symlink_to(bundle.repository.absolute())


def command(environment: TritonEnvironment, bundle: Bundle, folder: Path, host: str, ports: Sequence[int]) -> list[str]:
    """The command line of the server.

    Args:
        environment: where the server lies.
        bundle: what it serves.
        folder: made by `lay_out`; its parent's name begins those of the regions in shared memory.
        host: address to listen on.
        ports: for HTTP, gRPC and metrics.

    Returns:
        Program and arguments.
    """
    # a line break cannot be sent in a header: not even who reads this command line can present the key
    key = f"{CLOSED_APIS}:asl-admin={secrets.token_hex(16)}\n"
    http_port, grpc_port, metrics_port = ports
    return [
        # from util-linux: the kernel ends the server when whoever started it is gone, killed or not
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
        # so that what a killed server leaves in shared memory can be told from others'; `python` means our backend too
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
