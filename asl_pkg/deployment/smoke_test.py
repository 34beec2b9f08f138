"""Check that a server runs the validated release: its name, the golden set and the latency."""

import time
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from asl_pkg.errors import ServingError
from asl_pkg.inference.v2_client import Client
from asl_pkg.validation.golden import GoldenSet, check_golden_set


def smoke_test(url: str, release: str, golden: GoldenSet, latency_max_ms: float) -> float:
    """Send the golden set to a server, as one batch and image by image.

    Args:
        url: `http://HOST:PORT` or `grpc://HOST:PORT`.
        release: Expected release.
        golden: Images and expected answers.
        latency_max_ms: Greatest latency of one image (95th percentile).

    Returns:
        Latency of one image (95th percentile), in milliseconds.

    Raises:
        ServingError: Another release answers, or the answers differ, or are too slow.
    """
    with closing(Client(url)) as client:
        if client.release != release:
            raise ServingError(f"{url} serves release {client.release}, expected {release}")
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
            f"latency is {latency_ms:.0f} ms per image (95th percentile), the limit is {latency_max_ms:.0f}: "
            "give the server more CPU, export a smaller model, or raise deploy.latency_max_ms"
        )
    return latency_ms


def _check(golden: GoldenSet, answers: NDArray[np.float32]) -> None:
    found = check_golden_set(golden, answers)
    if found.otherwise:
        raise ServingError(
            f"Triton's answers to {found.otherwise} of {len(answers)} golden images differ from the validated ones "
            f"(probabilities by up to {found.greatest:.2g}): check the server's versions of Triton and of the model"
        )
