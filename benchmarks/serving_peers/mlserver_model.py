"""MLServer's own runtime interface on ONNX Runtime: mlserver_model.py MODEL PORT WORKERS THREADS.

Its REST takes no binary tensors, so the pixels come as base64.
"""

import asyncio
import base64
import sys

import numpy as np
import onnxruntime
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyRequestCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse


class Letters(MLModel):
    """v2 in, v2 out."""

    async def load(self) -> bool:
        """Made in the worker."""
        parameters = self.settings.parameters
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = parameters.extra["threads"]
        self.session = onnxruntime.InferenceSession(parameters.uri, options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One answer."""
        (text,) = payload.inputs[0].data
        pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, 200, 200, 3)
        return NumpyRequestCodec.encode_response("asl_model", self.session.run(None, {"input": pixels})[0])


async def serve(path: str, port: int, workers: int, threads: int) -> None:
    """Until the process is told to end."""
    parameters = ModelParameters(uri=path, extra={"threads": threads})
    model = ModelSettings(name="asl_model", implementation=Letters, parameters=parameters)
    # Without a pool the model lives in the process of the server itself, which is the faster way with one worker.
    pool = workers if workers > 1 else 0
    settings = Settings(
        host="127.0.0.1", http_port=port, grpc_port=port + 1, metrics_port=port + 2, parallel_workers=pool, debug=False
    )
    await MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], *map(int, sys.argv[2:])))
