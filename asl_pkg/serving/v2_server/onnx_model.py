"""The model of a bundle in KServe's own server, for platforms without Triton; it has the same tensors."""

import asyncio
from typing import Any

from kserve import InferRequest, InferResponse

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.inference.onnx_session import open_session, predict
from asl_pkg.serving.v2_server.requests import PIXELS, PROBABILITIES, read_pixels, require_tensors, respond
from asl_pkg.serving.v2_server.server import ReleasedModel


class OnnxModel(ReleasedModel):
    """Runs the model of a bundle with ONNX Runtime, as Triton does.

    Args:
        bundle: Bundle to serve, already verified.
    """

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(contract.MODEL_NAME)
        self._bundle = bundle
        self.session = open_session(bundle.model_path)
        self.ready = True

    @property
    def release(self) -> str:
        """Release of the bundle."""
        return self._bundle.release

    def get_input_types(self) -> list[dict[str, Any]]:
        """The input, for the model's metadata."""
        return [PIXELS]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The output, for the model's metadata."""
        return [PROBABILITIES]

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        """Answer a request.

        Args:
            payload: `input`, UINT8 [n, 200, 200, 3].
            headers: Headers of the request.

        Returns:
            `output`, FP32 [n, 29].

        Raises:
            InvalidInput: The request has other tensors.
        """
        require_tensors(payload, [PIXELS], [PROBABILITIES])
        probabilities = await asyncio.to_thread(predict, self.session, read_pixels(payload))
        return respond(payload, {contract.OUTPUT_NAME: probabilities}, self.release)
