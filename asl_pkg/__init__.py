"""Recognises the American Sign Language alphabet in images: pull, train, export, validate, deploy, serve, infer."""

import os

from asl_pkg.moved import accept_old_paths

# Disable the telemetry of dependencies. It is done here because each reads its variable on import: ONNX Runtime looks
# up Microsoft's hosts from native threads, which no later call prevents.
os.environ |= {
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DVC_NO_ANALYTICS": "1",
    "DO_NOT_TRACK": "true",
}
accept_old_paths()
