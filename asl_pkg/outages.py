"""Servers that are away for a while: a step on Kubernetes waits for them, since nobody is there to start it again."""

from typing import Any, Self

from urllib3 import Retry

from asl_pkg.progress import say

OUTAGE_S = 120.0  # a server may be away for so long
PAUSE_S = 5.0  # between two tries


def announce_outage(server: str) -> None:
    """Say that a server is waited for.

    Args:
        server: Its name.
    """
    say(f"{server} does not answer; trying again for {OUTAGE_S:.0f} s")


class PatientRetry(Retry):
    """Retries of HTTP requests that reach no server, for about OUTAGE_S; the first one is announced."""

    @classmethod
    def of_a_step(cls) -> Self:
        """Make the retries of a step on Kubernetes."""
        tries = int(OUTAGE_S / PAUSE_S) + 1
        return cls(total=None, connect=tries, read=0, status=0, other=0, backoff_factor=PAUSE_S, backoff_max=PAUSE_S)

    def increment(self, *arguments: Any, **named: Any) -> Self:
        """Count a failed try, and announce the first."""
        if not self.history:
            pool = named.get("_pool")
            announce_outage(f"{pool.host}:{pool.port}" if pool else "the server")
        return super().increment(*arguments, **named)
