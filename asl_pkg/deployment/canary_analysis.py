"""Compare a canary with the serving release: the same requests to both."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray

from asl_pkg.errors import ServingError
from asl_pkg.inference.v2_client import Client

BRIGHTNESS = 40  # of 255, the greatest change of brightness, so that requests differ


@dataclass(frozen=True)
class CanaryComparison:
    """Answers of the serving release and of the canary, compared.

    Args:
        requests: Requests sent to each.
        agreement: Share of requests that both answered with the same letter.
        errors: Failed requests of the serving release and of the canary.
        latency_ms: Latency of one request (95th percentile), of the serving release and of the canary.
    """

    requests: int
    agreement: float
    errors: tuple[int, int]
    latency_ms: tuple[float, float]

    @property
    def summary(self) -> str:
        """The comparison in one line."""
        return (
            f"{self.requests:,} paired requests: {self.agreement:.1%} agree, {self.errors[0]} and {self.errors[1]} "
            f"failed, {self.latency_ms[0]:.0f} and {self.latency_ms[1]:.0f} ms"
        )


def compare_canary(
    serving: Sequence[str], canary: Sequence[str], pixels: NDArray[np.uint8], requests: int, seed: int
) -> CanaryComparison:
    """Send the same images to the serving release and to the canary, in turn.

    Args:
        serving: URLs of the serving release.
        canary: URLs of the canary.
        pixels: Images, varied in brightness, uint8 [n, 200, 200, 3].
        requests: Requests to each.
        seed: Seed of the variations.

    Returns:
        The comparison.
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


def require_good_canary(found: CanaryComparison, agreement_min: float, slowdown_max: float) -> None:
    """Refuse a canary that fails more often, disagrees too often, or is too slow.

    Args:
        found: The comparison.
        agreement_min: Least share of requests that both answer with the same letter.
        slowdown_max: Greatest latency of the canary, as a multiple of the serving release's.

    Raises:
        ServingError: The canary is refused.
    """
    before, after = found.latency_ms
    faults = [
        *(["it failed more often"] if found.errors[1] > found.errors[0] else []),
        *([f"deploy.canary_agreement_min={agreement_min}"] if found.agreement < agreement_min else []),
        *([f"deploy.canary_slowdown_max={slowdown_max}"] if after > slowdown_max * before else []),
    ]
    if faults:
        raise ServingError(f"canary refused: {', '.join(faults)}; {found.summary}")


def _ask(client: Client, image: NDArray[np.uint8], times_s: list[float]) -> int:
    """The predicted class, -1 for a failure."""
    started = time.perf_counter()
    try:
        answer = int(client.predict(image[np.newaxis]).argmax())
    except ServingError:
        return -1
    times_s.append(time.perf_counter() - started)
    return answer
