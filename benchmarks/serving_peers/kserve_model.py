"""KServe's SDK on ONNX Runtime, as its documentation writes a model: kserve_model.py MODEL PORT WORKERS THREADS."""

import functools
import sys

import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Letters(Model):
    """v2 in, v2 out."""

    def __init__(self, path: str, threads: int) -> None:
        super().__init__("asl_model")
        self.path, self.threads = path, threads
        self.ready = True

    @functools.cached_property
    def session(self) -> onnxruntime.InferenceSession:
        """Made in the worker: a session cannot be sent to one."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        return onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])

    def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        """One answer."""
        probabilities = self.session.run(None, {"input": payload.inputs[0].as_numpy()})[0]
        output = InferOutput("output", list(probabilities.shape), "FP32")
        output.set_data_from_numpy(probabilities)
        return InferResponse(payload.id or "0", "asl_model", [output], use_binary_outputs=True)


if __name__ == "__main__":
    path, port, workers, threads = sys.argv[1:]
    sys.argv = sys.argv[:1]
    ModelServer(http_port=int(port), workers=int(workers), enable_grpc=False).start([Letters(path, int(threads))])
