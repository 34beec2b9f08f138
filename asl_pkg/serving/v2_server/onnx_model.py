"""The model of a bundle in KServe's own server, for platforms without Triton; it has the same tensors."""

import asyncio
from typing import Any

from kserve import InferRequest, InferResponse

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.inference.onnx_session import open_session
from asl_pkg.serving.v2_server.requests import PIXELS, read_pixels, require_tensors, respond
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
        outputs = contract.V2_OUTPUTS[bundle.manifest.contract_version]
        self._outputs = [{"name": name, "datatype": "FP32", "shape": [-1, *dims]} for name, dims in outputs.items()]
        self.ready = True

    @property
    def release(self) -> str:
        """Release of the bundle."""
        return self._bundle.release

    def get_input_types(self) -> list[dict[str, Any]]:
        """The input, for the model's metadata."""
        return [PIXELS]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The outputs, for the model's metadata."""
        return self._outputs

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        """Answer a request.

        Args:
            payload: `input`, UINT8 [n, 200, 200, 3].
            headers: Headers of the request.

        Returns:
            The outputs asked for, all if none is named: `output` FP32 [n, 29] and, of a model that finds hands,
            `landmarks` FP32 [n, 21, 3] and `hand_score` FP32 [n, 1], as Triton gives it.

        Raises:
            InvalidInput: The request has other tensors.
        """
        require_tensors(payload, [PIXELS], self._outputs)
        wanted = [output.name for output in payload.request_outputs or []] or [each["name"] for each in self._outputs]
        pixels = read_pixels(payload)
        answers = await asyncio.to_thread(self.session.run, wanted, {contract.INPUT_NAME: pixels})
        shaped = [answer.reshape(len(pixels), 1) if answer.ndim == 1 else answer for answer in answers]
        return respond(payload, dict(zip(wanted, shaped, strict=True)), self.release)
