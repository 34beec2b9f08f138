"""Run a model: ONNX Runtime in this process, or a server over v2."""
