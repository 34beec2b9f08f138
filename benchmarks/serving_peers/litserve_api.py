"""LitServe on ONNX Runtime: litserve_api.py MODEL PORT WORKERS THREADS; uint8 pixels in a form, float32 back."""

import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime
from fastapi import Request, Response


class Letters(litserve.LitAPI):
    """A form in, bytes out."""

    def __init__(self, path: str, threads: int) -> None:
        super().__init__()
        self.path, self.threads = path, threads

    def setup(self, device: str) -> None:
        """Made in the worker."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        self.session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])

    def decode_request(self, request: Request) -> np.ndarray:
        """The pixels."""
        return np.frombuffer(request["pixels"].file.read(), np.uint8).reshape(-1, 200, 200, 3)

    def predict(self, pixels: np.ndarray) -> Any:
        """One answer."""
        return self.session.run(None, {"input": pixels})[0]

    def encode_response(self, output: np.ndarray) -> Response:
        """The probabilities."""
        return Response(output.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    path, port, workers, threads = sys.argv[1:]
    server = litserve.LitServer(Letters(path, int(threads)), accelerator="cpu", workers_per_device=int(workers))
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")
