"""A BentoML service on ONNX Runtime: bentoml_service.py MODEL PORT WORKERS THREADS; uint8 pixels as the body.

It takes bytes as a file; the server refuses pickled arrays, which its own client used to send.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
import onnxruntime
from bentoml.validators import ContentType


@bentoml.service(workers=int(os.environ.get("WORKERS", "1")), logging={"access": {"enabled": False}})
class Letters:
    """A file in, an array out."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["THREADS"])
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])

    @bentoml.api
    def predict(self, file: Annotated[Path, ContentType("application/octet-stream")], /) -> np.ndarray:
        """One answer."""
        pixels = np.fromfile(file, np.uint8).reshape(-1, 200, 200, 3)
        return self.session.run(None, {"input": pixels})[0]


if __name__ == "__main__":
    path, port, workers, threads = sys.argv[1:]
    os.environ |= {"MODEL": path, "WORKERS": workers, "THREADS": threads, "BENTOML_DO_NOT_TRACK": "True"}
    command = ["serve", "bentoml_service:Letters", "--host", "127.0.0.1", "--port", port]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", *command])
