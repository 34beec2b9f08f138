"""How much work a picture is, as a ratio to torch on the same network: the graph may do no more than the network does.

A ratio of processor time on one thread each, since seconds say more about the machine and its other work than about
the graph.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from asl_pkg.serving.onnx_session import open_session, predict

WARM_UP = 2  # calls of each that are not counted
ROUNDS = 11  # calls of each in turn


def latency_ratio(model_path: Path, served: torch.nn.Module, picture: NDArray[np.uint8]) -> float:
    """Time both on one picture.

    Args:
        model_path: the ONNX file, which keeps the model contract.
        served: the same network in torch, in evaluation mode.
        picture: uint8 [1, 200, 200, 3].

    Returns:
        Median time of the graph divided by that of torch.
    """
    session = open_session(model_path, threads=1)
    tensor = torch.tensor(picture)
    with torch.inference_mode(), _one_thread():
        times_s = [
            (_timed(lambda: predict(session, picture)), _timed(lambda: served(tensor))) for _ in range(WARM_UP + ROUNDS)
        ]
    graph_s, torch_s = np.median(times_s[WARM_UP:], axis=0)
    return float(graph_s / torch_s)


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
