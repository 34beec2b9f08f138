"""This machine as the place where a release serves: a folder as the store, a local Triton."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import Store
from asl_pkg.errors import ServingError
from asl_pkg.serving.triton.local import LocalTriton


class LocalTarget:
    """A folder of releases, of which `asl serve` serves the one that serving.json names.

    Args:
        store: the model store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def serving(self) -> Serving | None:
        """What serves, None before the first deploy."""
        return self.store.serving()

    def demands_signature(self) -> bool:
        """Nobody but the user of this machine could demand one."""
        return False

    def storage_limit_bytes(self) -> float:
        """Whatever lies in the store is served from there."""
        return math.inf

    @contextmanager
    def candidate(self, serving: Serving) -> Iterator[list[str]]:
        """A Triton of its own on a stored release."""
        with self.store.opened(serving.release) as (bundle_dir, _), LocalTriton(open_bundle(bundle_dir)) as triton:
            yield [triton.http_url]

    @contextmanager
    def canary(self, serving: Serving, before: Serving) -> Iterator[tuple[list[str], list[str]]]:
        """A Triton on each of the two; nobody else asks them here."""
        with self.candidate(before) as stable, self.candidate(serving) as canary:
            yield stable, canary

    @contextmanager
    def promote(self, serving: Serving, before: Serving | None) -> Iterator[list[str]]:
        """A stored release that `asl serve` serves from now on, tried once more in the way that it starts."""
        if self.serving() != before:
            raise ServingError("another deploy has changed what serves meanwhile: `asl validate`, then deploy again")
        self.store.write_serving(serving)
        try:
            with self.candidate(serving) as urls:
                yield urls
        except BaseException:
            self.store.write_serving(before)
            raise
