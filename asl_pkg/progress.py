"""Progress of long work: a bar on a terminal, plain lines in a log."""

import itertools
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

from asl_pkg.urls import public

QUIET_S = 2.0  # shorter work shows no progress
LINE_EVERY_S = 10.0  # between two lines in a log

T = TypeVar("T")


def track(
    iterable: Iterable[T], total: int | None, description: str, unit: str = "images", done: int = 0
) -> Iterator[T]:
    """Pass the items on and show progress on stderr.

    Args:
        iterable: The items.
        total: Number of items; None if it is not known.
        description: Name of the work, as "Reading images".
        unit: Name of the items.
        done: Number of items done by an earlier run.

    Yields:
        The items, unchanged.
    """
    begun = _begun(iterable, description)
    if sys.stderr.isatty():
        yield from tqdm(
            begun, description, total, False, unit=f" {unit}", delay=QUIET_S, initial=done, dynamic_ncols=True
        )
    else:
        yield from _lines(begun, total, description, unit, done)


def _begun(iterable: Iterable[T], description: str) -> Iterator[T]:
    """Yield the items; print a line if the first one takes long."""
    iterator = iter(iterable)
    with patiently(description):
        first = list(itertools.islice(iterator, 1))
    yield from first
    yield from iterator


@contextmanager
def patiently(text: str) -> Iterator[None]:
    """Show on stderr what a long call is doing.

    Args:
        text: Name of the work, as "Reading the index of x.zip".
    """
    timer = threading.Timer(QUIET_S, say, [f"{text} …"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # a line being written belongs to this work


def say(text: str) -> None:
    """Print a line about the current stage on stderr."""
    print(public(text), file=sys.stderr, flush=True)


def _lines(iterable: Iterable[T], total: int | None, description: str, unit: str, before: int) -> Iterator[T]:
    start = time.monotonic()
    due = start + QUIET_S
    done = before
    if before:
        print(f"{description}: {before:,} {unit} done by an earlier run", file=sys.stderr, flush=True)
    for done, item in enumerate(iterable, before + 1):
        yield item
        if (now := time.monotonic()) >= due:
            state = f"{done:,}{'' if total is None else f' of {total:,}'} {unit}"
            _line(description, state, (done - before) / (now - start))
            due = now + LINE_EVERY_S
    if due > start + QUIET_S:
        _line(description, f"{done:,} {unit}, done", (done - before) / (time.monotonic() - start))


def _line(description: str, state: str, rate: float) -> None:
    print(f"{description}: {state} ({rate:,.0f}/s)", file=sys.stderr, flush=True)
