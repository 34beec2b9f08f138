"""All model servers behind the transformer, in turn: one connection each, so that every answer is of one known release.

gRPC's own load balancing does not tell who answered. Here the addresses of the headless Service are looked up anew
every two seconds, and each gets a connection of its own: a new pod takes part at once, one that goes is left in order.
"""

import asyncio
import contextlib
import itertools
import logging
import socket

import grpc
import numpy as np

from asl_pkg.errors import ServingError, SettingError
from asl_pkg.serving.transformer.predictor import ANSWER_TIMEOUT_S, Predictor, connect
from asl_pkg.serving.v2_server.errors import PredictorError

REFRESH_S = 2.0  # between two looks at who is there
CONNECT_TIMEOUT_S = 2.0
NOBODY_S = 8.0  # a request waits while nobody is there: a new server's name may be cached as unknown for 5 s
ATTEMPTS = 3  # of one request, where a server was not available
RETRY_PAUSE_S = 0.1
# Asking another one is no use. Whatever else fails may be one server's trouble: a Triton that stops takes its model
# away before it closes its connections, and says NOT_FOUND or INTERNAL meanwhile.
FINAL = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.DEADLINE_EXCEEDED)
LOG = logging.getLogger("asl.predictors")


class Predictors:
    """Those that answer now.

    Args:
        hosts: HOST:PORT, whose every address is a model server; several by commas.

    Raises:
        SettingError: it is something else.
    """

    def __init__(self, hosts: str) -> None:
        self._hosts = [_parse(host) for host in hosts.split(",")]
        self._watchers: dict[Predictor, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._some = asyncio.Event()  # set while anyone is ready
        self._look = asyncio.Event()  # set when somebody was lost: look again at once
        self._turn = itertools.count()

    @property
    def ready(self) -> list[Predictor]:
        """Those that answer now."""
        return list(self._watchers)

    async def run(self) -> None:
        """Keep up with who is there, until cancelled."""
        while True:
            self._look.clear()
            await self._refresh()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), REFRESH_S)

    async def infer(self, pixels: np.ndarray) -> tuple[np.ndarray, Predictor]:
        """Ask the next one, and another one where it is not available.

        Args:
            pixels: uint8 [n, 200, 200, 3], RGB, no more than a server takes at once.

        Returns:
            float32 [n, 29], probabilities in the order of contract.CLASSES, and who gave them.

        Raises:
            PredictorError: nobody is available, or the one asked failed.
        """
        tried: set[Predictor] = set()
        for attempt in range(1, ATTEMPTS + 1):
            predictor = await self._next(tried)
            tried.add(predictor)
            try:
                return await predictor.infer(pixels), predictor
            except ServingError as error:
                LOG.error("%s", error)
                raise PredictorError(grpc.StatusCode.INTERNAL) from error
            except grpc.aio.AioRpcError as error:
                LOG.warning("%s: %s %s", predictor.address, error.code().name, error.details())
                if error.code() in FINAL or attempt == ATTEMPTS:
                    raise PredictorError(error.code()) from error
                if error.code() is grpc.StatusCode.NOT_FOUND and predictor in self._watchers:
                    self._drop(predictor, "has lost its model, so it is stopping")
                    self._look.set()
            await asyncio.sleep(RETRY_PAUSE_S)
        raise AssertionError("the last attempt answers or raises")

    async def _next(self, tried: set[Predictor]) -> Predictor:
        """Whose turn it is, of those that were not tried while there are such."""
        try:
            await asyncio.wait_for(self._some.wait(), NOBODY_S)
        except TimeoutError as error:
            raise PredictorError(grpc.StatusCode.UNAVAILABLE) from error
        waiting = [predictor for predictor in self.ready if predictor not in tried] or self.ready
        return waiting[next(self._turn) % len(waiting)]

    async def _refresh(self) -> None:
        """Connect to those that came and let go of those that went; who cannot be looked up stays."""
        found = {address for host in self._hosts for address in await _look_up(*host)}
        self._leave(found)  # before new ones are waited for: those that went may answer for seconds only
        known = {predictor.address for predictor in self._watchers}
        await asyncio.gather(*(self._add(address) for address in found - known))
        self._leave(found)

    def _leave(self, found: set[str]) -> None:
        for predictor in self.ready:
            if found and predictor.address not in found and len(self._watchers) > 1:
                self._drop(predictor, "is no longer in its Service")

    async def _add(self, address: str) -> None:
        try:
            predictor = await connect(address, CONNECT_TIMEOUT_S)
        except ServingError as error:
            LOG.warning("not used: %s", error)
            return
        LOG.info("%s answers, release %s", address, predictor.release)
        self._watchers[predictor] = asyncio.create_task(self._watch(predictor))
        self._some.set()

    async def _watch(self, predictor: Predictor) -> None:
        """Leave a connection when it breaks: gRPC would mend it, perhaps to a server of another release."""
        await predictor.channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
        self._drop(predictor, "closed the connection")
        self._look.set()

    def _drop(self, predictor: Predictor, reason: str) -> None:
        LOG.info("%s %s", predictor.address, reason)
        watcher = self._watchers.pop(predictor)
        if watcher is not asyncio.current_task():
            watcher.cancel()
        if not self._watchers:
            self._some.clear()
        closing = asyncio.create_task(predictor.channel.close(ANSWER_TIMEOUT_S))  # once what is under way is answered
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _parse(host: str) -> tuple[str, int]:
    """Name and port."""
    name, _, port = host.strip().rpartition(":")
    if name and port.isdecimal() and 0 < int(port) < 2**16:
        return name.strip("[]"), int(port)
    raise SettingError(f"predictor_host={host}: expected HOST:PORT, the port of gRPC")


async def _look_up(name: str, port: int) -> set[str]:
    """The addresses behind a name, HOST:PORT; none where it cannot be looked up."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as error:
        LOG.warning("%s: %s", name, error)
        return set()
    return {f"[{to[0]}]:{port}" if family == socket.AF_INET6 else f"{to[0]}:{port}" for family, _, _, _, to in found}
