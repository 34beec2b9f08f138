"""Training in several processes: starting them, and exchanging values."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import distributed
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from asl_pkg.errors import AslError

LOOPBACK = "127.0.0.1"


def is_distributed() -> bool:
    """Whether torchrun started this process as one of several."""
    return distributed.is_torchelastic_launched()


def is_first() -> bool:
    """Whether this process is the only one, or the one that writes."""
    return os.environ.get("RANK", "0") == "0" or not is_distributed()


def launch(count: int, function: Callable[..., Any], *arguments: Any) -> None:
    """Call a function in several processes on this machine, as `torchrun --standalone` does.

    Args:
        count: Number of processes.
        function: Function of a module, since each process imports it.
        arguments: Its arguments.

    Raises:
        AslError: A process failed; the message has its error.
    """
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=count, rdzv_backend="c10d", rdzv_endpoint=f"{LOOPBACK}:0",
        local_addr=LOOPBACK, max_restarts=0, run_id="asl",
    )  # fmt: skip
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # the error says the same
    try:
        elastic_launch(config, _call)(function, *arguments)
    except ChildFailedError as error:
        number, failure = error.get_first_failure()
        said: Any = failure.message  # a dict where the process could still report its error
        raise AslError(f"worker {number} of {count}: {said['message'] if isinstance(said, dict) else said}") from error


def _call(function: Callable[..., Any], *arguments: Any) -> None:
    """Clean up before the end when another worker failed and torchrun stops this one."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    function(*arguments)


def rank_and_world_size() -> tuple[int, int]:
    """Number of this process, from 0, and number of processes; (0, 1) if it is the only one."""
    return (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)


def all_reduce_any(mask: torch.Tensor) -> torch.Tensor:
    """Combine masks by OR over all processes; every process has to call it.

    Args:
        mask: bool [n].

    Returns:
        bool [n], on the CPU.
    """
    if not distributed.is_initialized():
        return mask
    numbers = mask.to(torch.uint8)
    if distributed.get_backend() == "nccl":
        numbers = numbers.cuda()
    distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
    return numbers.cpu().bool()
