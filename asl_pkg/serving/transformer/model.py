"""The transformer's model: images in, letters out; a model server runs the network."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from kserve import InferRequest, InferResponse
from kserve.errors import InvalidInput

from asl_pkg import contract
from asl_pkg.data.preparation import unprepare
from asl_pkg.inference.postprocess import TOP, Letter, decode_prediction
from asl_pkg.serving.transformer.images import read_image, read_instances
from asl_pkg.serving.transformer.predictors import Predictors
from asl_pkg.serving.v2_server.requests import (
    HAND_POSITIONS,
    PIXELS,
    PROBABILITIES,
    read_pixels,
    require_tensors,
    respond,
)
from asl_pkg.serving.v2_server.server import ReleasedModel

DECODERS = 2  # images decoded in parallel; the largest need up to 0.5 GB each
PREPARED = (contract.IMAGE_PX, contract.IMAGE_PX)
IMAGE_INPUT = {"name": "image", "datatype": "BYTES", "shape": [-1]}
LETTER_OUTPUTS = [
    {"name": "letter", "datatype": "BYTES", "shape": [-1]},
    {"name": "confidence", "datatype": "FP32", "shape": [-1]},
    {"name": "top3", "datatype": "BYTES", "shape": [-1, TOP]},  # PROBABILITY:COLUMN:CLASS, as Triton's classification
    {"name": "release", "datatype": "BYTES", "shape": [-1]},
    {"name": "error", "datatype": "BYTES", "shape": [-1]},
]
# Where the model finds hands: in pixels of the upright image that was sent, 0 for one that cannot be read
HAND_OUTPUTS = [HAND_POSITIONS, {"name": contract.HAND_SCORE_NAME, "datatype": "FP32", "shape": [-1]}]


@dataclass(frozen=True)
class ImageRequest:
    """A request after decoding its images.

    Args:
        request: The v2 request; None for a v1 request.
        errors: Error of each image, empty if it could be read.
        pixels: Images that could be read, uint8 [m, 200, 200, 3].
        sizes: Their upright width and height before preparation, in pixels.
    """

    request: InferRequest | None
    errors: list[str]
    pixels: np.ndarray
    sizes: list[tuple[int, int]]


@dataclass(frozen=True)
class ModelResponse:
    """The answer of a model server.

    Args:
        image_request: The request.
        outputs: Its outputs for the images that could be read, float32 [m, …], by name.
        release: Release of the server.
        confidence_threshold: Confidence threshold of that release.
    """

    image_request: ImageRequest
    outputs: dict[str, np.ndarray]
    release: str
    confidence_threshold: float


class ImageModel(ReleasedModel):
    """Prepares images as in training, queries a model server, and names the letters.

    Args:
        name: Name in the v2 protocol.
        predictors: The model servers.
    """

    def __init__(self, name: str, predictors: Predictors) -> None:
        super().__init__(name)
        self._predictors = predictors
        self._decoders = ThreadPoolExecutor(DECODERS, "decoder")
        self.ready = True

    @property
    def release(self) -> str:
        """The release of all model servers; empty during a rollout, when they differ."""
        releases = {predictor.release for predictor in self._predictors.ready}
        return releases.pop() if len(releases) == 1 else ""

    async def work(self) -> None:
        """Track the model servers until cancelled."""
        await self._predictors.run()

    async def healthy(self) -> bool:
        """Whether a model server is connected."""
        return bool(self._predictors.ready)

    def get_input_types(self) -> list[dict[str, Any]]:
        """The possible inputs, for the model's metadata; a request has one of them."""
        return [IMAGE_INPUT, PIXELS]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The outputs, for the model's metadata."""
        finds_hands = any(contract.LANDMARKS_NAME in predictor.outputs for predictor in self._predictors.ready)
        return [*LETTER_OUTPUTS, PROBABILITIES, *(HAND_OUTPUTS if finds_hands else [])]

    async def preprocess(self, payload: InferRequest | Any, headers: dict[str, str] | None = None) -> ImageRequest:
        """Read the images of a request.

        Args:
            payload: `image` BYTES [n], or `input` UINT8 [n, 200, 200, 3], or v1's `{"instances": [{"b64": …}]}`.
            headers: Headers of the request.

        Returns:
            The prepared images.

        Raises:
            InvalidInput: The request has another form, or none of its images can be read.
        """
        if isinstance(payload, InferRequest):
            require_tensors(payload, [IMAGE_INPUT, PIXELS], self.get_output_types())
            if payload.inputs[0].name == contract.INPUT_NAME:
                pixels = read_pixels(payload)
                return ImageRequest(payload, [""] * len(pixels), pixels, [PREPARED] * len(pixels))
            files = list(payload.inputs[0].as_numpy())
        else:
            files = read_instances(payload)
        loop = asyncio.get_running_loop()
        read = await asyncio.gather(*(loop.run_in_executor(self._decoders, read_image, file) for file in files))
        whole = [image for image in read if not isinstance(image, str)]
        errors = [image if isinstance(image, str) else "" for image in read]
        if not whole:
            raise InvalidInput(f"none of {len(errors)} images can be read; the first: {errors[0]}")
        request = payload if isinstance(payload, InferRequest) else None
        pixels = np.stack([image.pixels for image in whole])
        return ImageRequest(request, errors, pixels, [image.size for image in whole])

    async def predict(self, payload: ImageRequest, headers: dict[str, str] | None = None) -> ModelResponse:
        """Query a model server.

        Args:
            payload: The images.
            headers: Headers of the request.

        Returns:
            Its answer.

        Raises:
            PredictorError: No model server answered.
        """
        outputs, predictor = await self._predictors.infer(payload.pixels)
        return ModelResponse(payload, outputs, predictor.release, predictor.confidence_threshold)

    async def postprocess(
        self,
        result: ModelResponse,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> InferResponse | dict[str, Any]:
        """Name the letters.

        Args:
            result: Answer of the model server.
            headers: Headers of the request.
            response_headers: Headers of the response.

        Returns:
            One answer per image, in their order.
        """
        rows = iter(result.outputs[contract.OUTPUT_NAME])
        errors, request = result.image_request.errors, result.image_request.request
        named = [None if error else decode_prediction(next(rows), result.confidence_threshold) for error in errors]
        if request is None:
            return {"predictions": [_prediction(*pair, result.release) for pair in zip(named, errors, strict=True)]}
        outputs = _outputs(named, result)
        if not request.request_outputs:
            raw = request.inputs[0].name == contract.INPUT_NAME
            shown = [contract.OUTPUT_NAME] if raw else [str(output["name"]) for output in LETTER_OUTPUTS]
        else:
            shown = [output.name for output in request.request_outputs]
            if missing := set(shown) - outputs.keys():  # in a rollout, if only some predictors find hands
                raise InvalidInput(f"release {result.release} has no output {', '.join(sorted(missing))}")
        return respond(request, {name: outputs[name] for name in shown}, result.release)


def _prediction(named: Letter | None, error: str, release: str) -> dict[str, Any]:
    """The v1 answer for an image."""
    shown = asdict(named or Letter("", 0.0, []))
    return {**shown, "release": release, "error": error or None}


def _outputs(named: list[Letter | None], result: ModelResponse) -> dict[str, np.ndarray]:
    """All outputs of v2."""
    nothing = Letter("", 0.0, [])
    letters = [letter or nothing for letter in named]
    found = dict(result.outputs)
    if contract.LANDMARKS_NAME in found:
        pairs = zip(found[contract.LANDMARKS_NAME], result.image_request.sizes, strict=True)
        found[contract.LANDMARKS_NAME] = np.stack([unprepare(points, size) for points, size in pairs])
        found[contract.HAND_SCORE_NAME] = found[contract.HAND_SCORE_NAME][:, 0]
    return {
        "letter": _texts([letter.letter for letter in letters]),
        "confidence": np.array([letter.confidence for letter in letters], np.float32),
        "top3": _texts([text for letter in letters for text in _as_classification(letter)]).reshape(-1, TOP),
        "release": _texts([result.release] * len(letters)),
        "error": _texts(result.image_request.errors),
        **{name: _with_gaps(rows, named) for name, rows in found.items()},
    }


def _with_gaps(rows: np.ndarray, named: list[Letter | None]) -> np.ndarray:
    """The model's rows, and zeros for the images that could not be read."""
    whole = np.zeros((len(named), *rows.shape[1:]), np.float32)
    whole[[letter is not None for letter in named]] = rows
    return whole


def _as_classification(letter: Letter) -> list[str]:
    shown = [f"{probability:.6f}:{contract.CLASSES.index(name)}:{name}" for name, probability in letter.top3]
    return shown or [""] * TOP


def _texts(texts: list[str]) -> np.ndarray:
    return np.array([text.encode() for text in texts], np.object_)
