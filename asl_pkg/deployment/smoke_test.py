"""Is what answers at an address the release that was validated? Its name, the golden set and how long it takes."""

import time
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from asl_pkg.errors import ServingError
from asl_pkg.inference.v2_client import Client
from asl_pkg.validation.golden import GoldenSet, check_golden_set


def smoke_test(url: str, release: str, golden: GoldenSet, latency_max_ms: float) -> float:
    """Ask a server for the golden set, together and image by image.

    Args:
        url: `http://HOST:PORT` or `grpc://HOST:PORT`.
        release: that has to answer.
        golden: images and answers expected.
        latency_max_ms: for one image, 95 of 100 times.

    Returns:
        How long one image takes, 95 of 100 times, in milliseconds.

    Raises:
        ServingError: another release answers, or otherwise than validated, or too slowly.
    """
    with closing(Client(url)) as client:
        if client.release != release:
            raise ServingError(f"{url} answers as release {client.release}, expected {release}")
        _check(golden, client.predict(golden.pixels))
        times_s, answers = [], []
        for image in golden.pixels:
            started = time.perf_counter()
            answers.append(client.predict(image[np.newaxis]))
            times_s.append(time.perf_counter() - started)
    _check(golden, np.concatenate(answers))
    latency_ms = 1000 * float(np.percentile(times_s, 95))
    if latency_ms > latency_max_ms:
        raise ServingError(
            f"one image takes {latency_ms:.0f} ms (95th percentile), allowed are {latency_max_ms:.0f}: "
            "give the server more CPU, export a smaller model, or raise deploy.latency_max_ms"
        )
    return latency_ms


def _check(golden: GoldenSet, answers: NDArray[np.float32]) -> None:
    found = check_golden_set(golden, answers)
    if found.otherwise:
        raise ServingError(
            f"Triton answers {found.otherwise} of {len(answers)} golden images otherwise than validated "
            f"(probabilities differ by up to {found.greatest:.2g}): "
            "look for another version of Triton or of the model there"
        )
