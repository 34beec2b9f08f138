"""What deploy asks of a place where a release serves."""

from contextlib import AbstractContextManager
from typing import Protocol

from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import Store
from asl_pkg.errors import ServingError


class NotRestoredError(ServingError):
    """What served before does not serve again."""


class DeploymentTarget(Protocol):
    """Where a release serves."""

    @property
    def store(self) -> Store:
        """Where its releases lie."""

    def serving(self) -> Serving | None:
        """What serves, None before the first deploy."""

    def demands_signature(self) -> bool:
        """Whether nothing may serve here whose signature was not checked."""

    def storage_limit_bytes(self) -> float:
        """Bytes that one server of a release may keep."""

    def candidate(self, serving: Serving) -> AbstractContextManager[list[str]]:
        """A stored release that answers at these URLs, and gets no user's request, until the context ends."""

    def canary(self, serving: Serving, before: Serving) -> AbstractContextManager[tuple[list[str], list[str]]]:
        """URLs of what serves and of a stored release that shares its users until the context ends.

        Raises:
            ServingError: it does not start, or what serves is no longer `before`.
        """

    def promote(self, serving: Serving, before: Serving | None) -> AbstractContextManager[list[str]]:
        """A stored release that serves from now on, at these URLs; an error in the context restores what served.

        Raises:
            ServingError: it does not start, or what serves is no longer `before`.
        """
