"""Load balancing over the model servers behind the transformer: one connection per server, so releases are known.

gRPC's own load balancing does not tell which server answered. Here the addresses of the headless Service are resolved
every two seconds, and each gets its own connection: a new pod is used at once, a stopping pod finishes its requests.
"""

import asyncio
import contextlib
import itertools
import logging
import socket

import grpc
import numpy as np

from asl_pkg.errors import ServingError, SettingError
from asl_pkg.serving.transformer.predictor import ANSWER_TIMEOUT_S, Predictor, connect_predictor
from asl_pkg.serving.v2_server.errors import PredictorError

REFRESH_S = 2.0  # between two lookups of the addresses
CONNECT_TIMEOUT_S = 2.0
NOBODY_S = 8.0  # how long a request waits for a server: DNS may cache a new server as unknown for 5 s
ATTEMPTS = 3  # of a request, if a server is not available
RETRY_PAUSE_S = 0.1
# Errors that another server would give too. Others may concern one server: a stopping Triton unloads its model before
# it closes its connections, and answers NOT_FOUND or INTERNAL meanwhile.
FINAL = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.DEADLINE_EXCEEDED)
LOG = logging.getLogger("asl.predictors")


class Predictors:
    """The connected model servers.

    Args:
        hosts: HOST:PORT, separated by commas; every address of a host is a model server.

    Raises:
        SettingError: Hosts has another form.
    """

    def __init__(self, hosts: str) -> None:
        self._hosts = [_parse(host) for host in hosts.split(",")]
        self._watchers: dict[Predictor, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._some = asyncio.Event()  # set while a server is connected
        self._look = asyncio.Event()  # set when a server was lost: look up addresses at once
        self._turn = itertools.count()

    @property
    def ready(self) -> list[Predictor]:
        """The connected servers."""
        return list(self._watchers)

    async def run(self) -> None:
        """Track the servers until cancelled."""
        while True:
            self._look.clear()
            await self._refresh()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), REFRESH_S)

    async def infer(self, pixels: np.ndarray) -> tuple[dict[str, np.ndarray], Predictor]:
        """Query the next server; if it is not available, another one.

        Args:
            pixels: Images, uint8 [n, 200, 200, 3], RGB, at most contract.MAX_BATCH.

        Returns:
            The outputs of a server by name, float32 [n, …], and that server.

        Raises:
            PredictorError: No server is available, or the server failed.
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
                    self._drop(predictor, "has unloaded its model, so it is stopping")
                    self._look.set()
            await asyncio.sleep(RETRY_PAUSE_S)
        raise AssertionError("the last attempt returns or raises")

    async def _next(self, tried: set[Predictor]) -> Predictor:
        """The next server in turn; untried servers first."""
        try:
            await asyncio.wait_for(self._some.wait(), NOBODY_S)
        except TimeoutError as error:
            raise PredictorError(grpc.StatusCode.UNAVAILABLE) from error
        waiting = [predictor for predictor in self.ready if predictor not in tried] or self.ready
        return waiting[next(self._turn) % len(waiting)]

    async def _refresh(self) -> None:
        """Connect to new servers and drop those that are gone; without a DNS answer the known ones stay."""
        found = {address for host in self._hosts for address in await _look_up(*host)}
        self._leave(found)  # first, before connecting takes time: servers that are gone answer for seconds only
        known = {predictor.address for predictor in self._watchers}
        await asyncio.gather(*(self._add(address) for address in found - known))
        self._leave(found)

    def _leave(self, found: set[str]) -> None:
        for predictor in self.ready:
            if found and predictor.address not in found and len(self._watchers) > 1:
                self._drop(predictor, "is no longer in its Service")

    async def _add(self, address: str) -> None:
        try:
            predictor = await connect_predictor(address, CONNECT_TIMEOUT_S)
        except ServingError as error:
            LOG.warning("not used: %s", error)
            return
        LOG.info("%s answers, release %s", address, predictor.release)
        self._watchers[predictor] = asyncio.create_task(self._watch(predictor))
        self._some.set()

    async def _watch(self, predictor: Predictor) -> None:
        """Drop a connection when it breaks: gRPC would reconnect, perhaps to a server with another release."""
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
        closing = asyncio.create_task(predictor.channel.close(ANSWER_TIMEOUT_S))  # after pending requests are answered
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _parse(host: str) -> tuple[str, int]:
    """Split HOST:PORT."""
    name, _, port = host.strip().rpartition(":")
    if name and port.isdecimal() and 0 < int(port) < 2**16:
        return name.strip("[]"), int(port)
    raise SettingError(f"predictor_host={host}: expected HOST:PORT, with the gRPC port")


async def _look_up(name: str, port: int) -> set[str]:
    """Resolve a name to HOST:PORT addresses; none if the lookup fails."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as error:
        LOG.warning("%s: %s", name, error)
        return set()
    return {f"[{to[0]}]:{port}" if family == socket.AF_INET6 else f"{to[0]}:{port}" for family, _, _, _, to in found}
