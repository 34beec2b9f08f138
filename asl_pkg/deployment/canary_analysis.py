"""A canary beside what serves: the same requests to both, and what the difference means."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray

from asl_pkg.errors import ServingError
from asl_pkg.inference.v2_client import Client

BRIGHTNESS = 40  # of 255, by which an image is made lighter or darker: a request is seldom the same twice


@dataclass(frozen=True)
class CanaryComparison:
    """What both answered.

    Args:
        requests: that both were sent.
        agreement: share of the requests to which both gave the same letter.
        errors: requests that failed, at what serves and at the canary.
        latency_ms: of one request, 95 of 100 times, at what serves and at the canary.
    """

    requests: int
    agreement: float
    errors: tuple[int, int]
    latency_ms: tuple[float, float]

    @property
    def summary(self) -> str:
        """All of it in one line."""
        return (
            f"{self.requests:,} paired requests: {self.agreement:.1%} agree, {self.errors[0]} and {self.errors[1]} "
            f"failed, {self.latency_ms[0]:.0f} and {self.latency_ms[1]:.0f} ms"
        )


def compare_canary(
    serving: Sequence[str], canary: Sequence[str], pixels: NDArray[np.uint8], requests: int, seed: int
) -> CanaryComparison:
    """Send the same images to what serves and to the canary, one by one and turn by turn.

    Args:
        serving: addresses of what serves.
        canary: addresses of the canary.
        pixels: images to vary in brightness, uint8 [n, 200, 200, 3].
        requests: how many to each side.
        seed: of the variations.

    Returns:
        What both answered.
    """
    rng = np.random.default_rng(seed)
    answers: list[list[int]] = []
    times_s: tuple[list[float], list[float]] = ([], [])
    with ExitStack() as stack:
        sides = [cycle([stack.enter_context(closing(Client(url))) for url in urls]) for urls in (serving, canary)]
        for image in islice(cycle(pixels), requests):
            varied = np.clip(image + rng.integers(-BRIGHTNESS, BRIGHTNESS + 1), 0, 255).astype(np.uint8)
            answers.append([_ask(next(side), varied, taken) for side, taken in zip(sides, times_s, strict=True)])
    given = np.array(answers)
    failed = (given < 0).sum(axis=0)
    latencies = [float(1000 * np.percentile(taken, 95)) if taken else float("inf") for taken in times_s]
    same = float(((given[:, 0] == given[:, 1]) & (given[:, 0] >= 0)).mean())
    return CanaryComparison(requests, same, (int(failed[0]), int(failed[1])), (latencies[0], latencies[1]))


def judge(found: CanaryComparison, agreement_min: float, slowdown_max: float) -> None:
    """Refuse a canary that fails more often, answers otherwise too often, or takes too long.

    Args:
        found: what both answered.
        agreement_min: share of the requests to which both have to give the same letter.
        slowdown_max: how many times as long the canary may take.

    Raises:
        ServingError: it is refused.
    """
    before, after = found.latency_ms
    faults = [
        *(["it failed more often"] if found.errors[1] > found.errors[0] else []),
        *([f"deploy.canary_agreement_min={agreement_min}"] if found.agreement < agreement_min else []),
        *([f"deploy.canary_slowdown_max={slowdown_max}"] if after > slowdown_max * before else []),
    ]
    if faults:
        raise ServingError(f"the canary is refused by {', '.join(faults)}; {found.summary}")


def _ask(client: Client, image: NDArray[np.uint8], times_s: list[float]) -> int:
    """The class answered, -1 for a failure."""
    started = time.perf_counter()
    try:
        answer = int(client.predict(image[np.newaxis]).argmax())
    except ServingError:
        return -1
    times_s.append(time.perf_counter() - started)
    return answer
