"""Processor time per image, relative to torch on the same network: the graph must not do more work than the network.

A ratio of processor time on one thread each, since seconds depend on the machine and its load more than on
the graph.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from asl_pkg.inference.onnx_session import predict

WARM_UP = 2  # calls of each that are not counted
ROUNDS = 11  # calls of each in turn


def latency_ratio(session: onnxruntime.InferenceSession, served: torch.nn.Module, image: NDArray[np.uint8]) -> float:
    """Time both on one image.

    Args:
        session: ONNX Runtime with one thread, on a graph that keeps the model contract.
        served: Same network in torch, in evaluation mode.
        image: Pixels, uint8 [1, 200, 200, 3].

    Returns:
        Median time of the graph divided by that of torch.
    """
    tensor = torch.tensor(image)
    with torch.inference_mode(), _one_thread():
        graph_s, torch_s = np.median(in_turn(lambda: predict(session, image), lambda: served(tensor), ROUNDS), axis=0)
    return float(graph_s / torch_s)


def in_turn(first: Callable[[], object], second: Callable[[], object], rounds: int) -> NDArray[np.float64]:
    """Time two calls in turn, so that other work on the machine slows down both.

    Args:
        first: Call that computes in the calling thread.
        second: Another one.
        rounds: Number of timed calls of each, after a few to warm up.

    Returns:
        Seconds of processor time [rounds, 2].
    """
    return np.array([(_timed(first), _timed(second)) for _ in range(WARM_UP + rounds)][WARM_UP:])


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _timed(call: Callable[[], object]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start
