"""FastAPI on ONNX Runtime: fastapi_app.py MODEL PORT WORKERS THREADS; uint8 pixels as the body, float32 back."""

import os
import sys

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request, Response

if __name__ == "__main__":
    os.environ["MODEL"], os.environ["THREADS"] = sys.argv[1], sys.argv[4]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ["THREADS"])
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
app = FastAPI()


def predict(body: bytes) -> bytes:
    """One answer."""
    pixels = np.frombuffer(body, np.uint8).reshape(-1, 200, 200, 3)
    return session.run(None, {"input": pixels})[0].tobytes()


@app.post("/predict")
async def answer(request: Request) -> Response:
    """Compute beside the event loop."""
    from fastapi.concurrency import run_in_threadpool

    return Response(await run_in_threadpool(predict, await request.body()), media_type="application/octet-stream")


if __name__ == "__main__":
    uvicorn.run(
        "fastapi_app:app", host="127.0.0.1", port=int(sys.argv[2]), workers=int(sys.argv[3]), log_level="warning"
    )
