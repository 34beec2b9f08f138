"""The transformer's model: images in, letters out; a model server behind it computes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from kserve import InferRequest, InferResponse
from kserve.errors import InvalidInput

from asl_pkg import contract
from asl_pkg.inference.postprocess import TOP, Letter, decode_prediction
from asl_pkg.serving.transformer.images import read_image, read_instances
from asl_pkg.serving.transformer.predictors import Predictors
from asl_pkg.serving.v2_server.requests import PIXELS, PROBABILITIES, check, read_pixels, respond
from asl_pkg.serving.v2_server.server import ReleasedModel

DECODERS = 2  # images decoded at the same time; the largest take up to 0.5 GB meanwhile
IMAGES = {"name": "image", "datatype": "BYTES", "shape": [-1]}
LETTERS = [
    {"name": "letter", "datatype": "BYTES", "shape": [-1]},
    {"name": "confidence", "datatype": "FP32", "shape": [-1]},
    {"name": "top3", "datatype": "BYTES", "shape": [-1, TOP]},  # PROBABILITY:COLUMN:CLASS, as Triton's classification
    {"name": "release", "datatype": "BYTES", "shape": [-1]},
    {"name": "error", "datatype": "BYTES", "shape": [-1]},
]


@dataclass(frozen=True)
class ImageRequest:
    """A request whose images were read.

    Args:
        request: in v2; None is a request in v1.
        errors: one an image, empty where it could be read.
        pixels: uint8 [m, 200, 200, 3], of those that could be read.
    """

    request: InferRequest | None
    errors: list[str]
    pixels: np.ndarray


@dataclass(frozen=True)
class ModelResponse:
    """What one model server said.

    Args:
        question: that it answers.
        probabilities: float32 [m, 29], of the images that could be read.
        release: of the server that answered.
        confidence_threshold: of that release.
    """

    question: ImageRequest
    probabilities: np.ndarray
    release: str
    confidence_threshold: float


class ImageModel(ReleasedModel):
    """Prepares images as training did, asks a model server, names the letters.

    Args:
        name: in the v2 protocol.
        predictors: the model servers.
    """

    def __init__(self, name: str, predictors: Predictors) -> None:
        super().__init__(name)
        self._predictors = predictors
        self._decoders = ThreadPoolExecutor(DECODERS, "decoder")
        self.ready = True

    @property
    def release(self) -> str:
        """What all model servers serve; empty midway through a rollout, when answers alone tell it."""
        releases = {one.release for one in self._predictors.ready}
        return releases.pop() if len(releases) == 1 else ""

    async def work(self) -> None:
        """Keep up with the model servers."""
        await self._predictors.run()

    async def healthy(self) -> bool:
        """Whether a model server is there."""
        return bool(self._predictors.ready)

    def get_input_types(self) -> list[dict[str, Any]]:
        """The inputs, one of which is in a request, for the model's metadata."""
        return [IMAGES, PIXELS]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The outputs, for the model's metadata."""
        return [*LETTERS, PROBABILITIES]

    async def preprocess(self, payload: InferRequest | Any, headers: dict[str, str] | None = None) -> ImageRequest:
        """Read the images of a request.

        Args:
            payload: `image` BYTES [n], or `input` UINT8 [n, 200, 200, 3], or v1's `{"instances": [{"b64": …}]}`.
            headers: of the request.

        Returns:
            The images, prepared.

        Raises:
            InvalidInput: it is something else, or no image in it can be read.
        """
        if isinstance(payload, InferRequest):
            check(payload, [IMAGES, PIXELS], self.get_output_types())
            if payload.inputs[0].name == contract.INPUT_NAME:
                pixels = read_pixels(payload)
                return ImageRequest(payload, [""] * len(pixels), pixels)
            files = list(payload.inputs[0].as_numpy())
        else:
            files = read_instances(payload)
        loop = asyncio.get_running_loop()
        read = await asyncio.gather(*(loop.run_in_executor(self._decoders, read_image, one) for one in files))
        whole = [one for one in read if isinstance(one, np.ndarray)]
        errors = [one if isinstance(one, str) else "" for one in read]
        if not whole:
            raise InvalidInput(f"none of {len(errors)} images can be read; the first: {errors[0]}")
        return ImageRequest(payload if isinstance(payload, InferRequest) else None, errors, np.stack(whole))

    async def predict(self, payload: ImageRequest, headers: dict[str, str] | None = None) -> ModelResponse:
        """Ask a model server.

        Args:
            payload: the images.
            headers: of the request.

        Returns:
            What it said.

        Raises:
            PredictorError: none answered.
        """
        probabilities, predictor = await self._predictors.infer(payload.pixels)
        return ModelResponse(payload, probabilities, predictor.release, predictor.confidence_threshold)

    async def postprocess(
        self,
        result: ModelResponse,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> InferResponse | dict[str, Any]:
        """Name the letters.

        Args:
            result: what the model server said.
            headers: of the request.
            response_headers: of the answer.

        Returns:
            One answer an image, in their order.
        """
        rows = iter(result.probabilities)
        errors, request = result.question.errors, result.question.request
        named = [None if error else decode_prediction(next(rows), result.confidence_threshold) for error in errors]
        if request is None:
            return {"predictions": [_prediction(*one, result.release) for one in zip(named, errors, strict=True)]}
        outputs = _outputs(named, result)
        if not request.request_outputs:
            raw = request.inputs[0].name == contract.INPUT_NAME
            shown = [contract.OUTPUT_NAME] if raw else [str(one["name"]) for one in LETTERS]
        else:
            shown = [one.name for one in request.request_outputs]
        return respond(request, {name: outputs[name] for name in shown}, result.release)


def _prediction(named: Letter | None, error: str, release: str) -> dict[str, Any]:
    """One answer in v1."""
    shown = asdict(named or Letter("", 0.0, []))
    return {**shown, "release": release, "error": error or None}


def _outputs(named: list[Letter | None], result: ModelResponse) -> dict[str, np.ndarray]:
    """Every output of v2."""
    nothing = Letter("", 0.0, [])
    letters = [one or nothing for one in named]
    probabilities = np.zeros((len(letters), len(contract.CLASSES)), np.float32)
    probabilities[[one is not None for one in named]] = result.probabilities
    return {
        "letter": _texts([one.letter for one in letters]),
        "confidence": np.array([one.confidence for one in letters], np.float32),
        "top3": _texts([text for one in letters for text in _as_classification(one)]).reshape(-1, TOP),
        "release": _texts([result.release] * len(letters)),
        "error": _texts(result.question.errors),
        contract.OUTPUT_NAME: probabilities,
    }


def _as_classification(letter: Letter) -> list[str]:
    shown = [f"{probability:.6f}:{contract.CLASSES.index(name)}:{name}" for name, probability in letter.top3]
    return shown or [""] * TOP


def _texts(texts: list[str]) -> np.ndarray:
    return np.array([text.encode() for text in texts], np.object_)
