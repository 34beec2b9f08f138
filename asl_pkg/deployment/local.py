"""This machine as the deployment target: a folder as the store, a local Triton."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import Store
from asl_pkg.errors import ServingError
from asl_pkg.serving.triton.local import LocalTriton


class LocalTarget:
    """A folder of releases; `asl serve` serves the one in serving.json.

    Args:
        store: The model store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def serving(self) -> Serving | None:
        """The serving release; None before the first deploy."""
        return self.store.serving()

    def demands_signature(self) -> bool:
        """Never: only the user of this machine could require one."""
        return False

    def storage_limit_bytes(self) -> float:
        """No limit: releases are served from the store itself."""
        return math.inf

    @contextmanager
    def candidate(self, serving: Serving) -> Iterator[list[str]]:
        """A Triton of its own on a stored release."""
        with self.store.opened(serving.release) as (bundle_dir, _), LocalTriton(open_bundle(bundle_dir)) as triton:
            yield [triton.http_url]

    @contextmanager
    def canary(self, serving: Serving, before: Serving) -> Iterator[tuple[list[str], list[str]]]:
        """A Triton for each release; there is no user traffic here."""
        with self.candidate(before) as stable, self.candidate(serving) as canary:
            yield stable, canary

    @contextmanager
    def promote(self, serving: Serving, before: Serving | None) -> Iterator[list[str]]:
        """Make `asl serve` serve a stored release, and start a Triton on it once more."""
        if self.serving() != before:
            raise ServingError(
                "another deploy changed the serving release meanwhile: run `asl validate`, then deploy again"
            )
        self.store.write_serving(serving)
        try:
            with self.candidate(serving) as urls:
                yield urls
        except BaseException:
            self.store.write_serving(before)
            raise
