"""Send over 200 damaged inputs to `asl infer` and to a running Triton: `python -m tests.fuzz.damaged_inputs BUNDLE`.

Each must get a clear error, none an answer or a hang, and afterwards the server must answer a good request as before.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.config.schema import InferenceSettings
from asl_pkg.infer import infer
from asl_pkg.inference.v2_client import Client
from asl_pkg.serving.triton.local import LocalTriton
from tests.fuzz import damaged_grpc, damaged_http, damaged_images

SLOW_S = 10.0
# Triton's own front end does this before a model sees the request; our client sends raw bytes, where it cannot happen.
KNOWN_LIMITS = {
    ("HTTP", "number 256"): "Triton takes JSON numbers for UINT8 modulo 256",
    ("gRPC", "number 256"): "Triton takes uint_contents for UINT8 modulo 256",
    ("gRPC", "bytes twice"): "Triton ignores raw contents beyond the number of inputs",
}


@dataclass(frozen=True)
class Outcome:
    """What became of one damaged input: `fault` is empty where it got a clear error."""

    channel: str
    name: str
    fault: str
    seconds: float


def run(bundle: Bundle) -> list[Outcome]:
    """Send everything.

    Args:
        bundle: the model that is asked.

    Returns:
        One outcome an input, and one for a good request afterwards over each protocol.
    """
    outcomes = list(_images(bundle))
    with LocalTriton(bundle) as server:
        good = np.random.default_rng(5).integers(0, 256, (1, contract.IMAGE_PX, contract.IMAGE_PX, 3), np.uint8)
        before = {url: _ask(url, good) for url in (server.http_url, server.grpc_url)}
        for request in damaged_http.damaged_requests():
            outcomes.append(_timed("HTTP", request.name, lambda sent=request: damaged_http.send(server.http_url, sent)))
        for name, message in damaged_grpc.damaged_requests():
            outcomes.append(_timed("gRPC", name, lambda sent=message: damaged_grpc.send(server.grpc_url, sent)))
        for url, answer in before.items():
            same = np.array_equal(_ask(url, good), answer)
            outcomes.append(Outcome("afterwards", url, "" if same else "another answer than before", 0.0))
    return outcomes


def table(outcomes: list[Outcome]) -> str:
    """The outcomes by channel, and every fault on a line of its own."""
    lines = [f"{'channel':12} {'inputs':>6} {'clear errors':>12} {'known limits':>12} {'slowest':>8}"]
    for channel in dict.fromkeys(outcome.channel for outcome in outcomes):
        group = [outcome for outcome in outcomes if outcome.channel == channel]
        known = sum((outcome.channel, outcome.name) in KNOWN_LIMITS for outcome in group)
        fine = sum(not outcome.fault for outcome in group) - known
        slowest_s = max(outcome.seconds for outcome in group)
        lines.append(f"{channel:12} {len(group):6} {fine:12} {known:12} {slowest_s:6.2f} s")
    lines += [f"known: {channel}: {name}: {why}" for (channel, name), why in KNOWN_LIMITS.items()]
    return "\n".join(
        lines + [f"FAULT: {outcome.channel}: {outcome.name}: {outcome.fault}" for outcome in outcomes if outcome.fault]
    )


def _images(bundle: Bundle) -> Iterator[Outcome]:
    settings = InferenceSettings(bundle=str(bundle.folder))
    with tempfile.TemporaryDirectory() as name:
        for file, content in damaged_images.damaged_images():
            path = Path(name, file)
            path.write_bytes(content)
            yield _timed("asl infer", file, lambda image=path: _fault_of_answer(settings, image))
            path.unlink()


def _fault_of_answer(settings: InferenceSettings, path: Path) -> str:
    (answer,) = infer(settings, [str(path)])
    return "" if answer.error and "\n" not in answer.error else f"answered {answer.letter}"


def _timed(channel: str, name: str, ask: Callable[[], str]) -> Outcome:
    started = time.monotonic()
    fault = ask()
    seconds = time.monotonic() - started
    if (channel, name) in KNOWN_LIMITS:
        fault = "" if fault else "the known limit is gone: take it off the list"
    return Outcome(channel, name, fault or ("too slow" if seconds > SLOW_S else ""), seconds)


def _ask(url: str, pixels: np.ndarray) -> np.ndarray:
    with contextlib.closing(Client(url)) as client:
        return client.predict(pixels)


if __name__ == "__main__":
    found = run(open_bundle(Path(sys.argv[1])))
    print(table(found))
    sys.exit(any(outcome.fault for outcome in found))
