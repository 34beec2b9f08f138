"""The interface of a deployment target, as deploy uses it."""

from contextlib import AbstractContextManager
from typing import Protocol

from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import Store
from asl_pkg.errors import ServingError


class NotRestoredError(ServingError):
    """The previous release could not be restored."""


class DeploymentTarget(Protocol):
    """A place to which releases are deployed."""

    @property
    def store(self) -> Store:
        """The store of its releases."""

    def serving(self) -> Serving | None:
        """The serving release; None before the first deploy."""

    def demands_signature(self) -> bool:
        """Whether releases without a verified signature are refused here."""

    def storage_limit_bytes(self) -> float:
        """Greatest size of a release here, in bytes."""

    def candidate(self, serving: Serving) -> AbstractContextManager[list[str]]:
        """A stored release at these URLs, without user traffic, until the context ends."""

    def canary(self, serving: Serving, before: Serving) -> AbstractContextManager[tuple[list[str], list[str]]]:
        """URLs of the serving release and of a stored release that shares its traffic until the context ends.

        Raises:
            ServingError: It does not start, or the serving release is no longer `before`.
        """

    def promote(self, serving: Serving, before: Serving | None) -> AbstractContextManager[list[str]]:
        """Switch to a stored release, at these URLs; an error in the context restores the previous one.

        Raises:
            ServingError: It does not start, or the serving release is no longer `before`.
        """
