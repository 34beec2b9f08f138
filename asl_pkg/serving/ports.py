"""Choose free ports to listen on."""

import contextlib
import errno
import http
import http.client
import socket
from collections.abc import Sequence

from asl_pkg.errors import ServingError

LAST_PORT = 65535


def free_ports(host: str, wanted: Sequence[int]) -> list[int]:
    """Choose one free port for each wanted one: itself, or the next above it that is free.

    Args:
        host: Address to listen on.
        wanted: Preferred ports.

    Returns:
        As many ports, all different.

    Raises:
        ServingError: The host is not an address of this machine, or no port is free.
    """
    free = [port for port in wanted if _is_free(host, port)]
    chosen: list[int] = []
    for port in wanted:
        # other preferred ports stay reserved, so that one taken port moves only one port
        others = {*chosen, *free} - ({port} - set(chosen))
        found = next(
            (
                candidate
                for candidate in range(port, LAST_PORT + 1)
                if candidate not in others and _is_free(host, candidate)
            ),
            None,
        )
        if found is None:
            raise ServingError(f"no port from {port} to {LAST_PORT} is free on {host}: choose a lower one")
        chosen.append(found)
    return chosen


def reachable(host: str) -> str:
    """Give the address at which this machine reaches a server.

    Args:
        host: Address that the server listens on.
    """
    return "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - compared, not bound


def is_ready(host: str, port: int, timeout_s: float) -> bool:
    """Ask a server of v2 whether it is ready.

    Args:
        host: Address that the server listens on.
        port: Its port of HTTP.
        timeout_s: Time limit of the answer.
    """
    connection = http.client.HTTPConnection(reachable(host), port, timeout=timeout_s)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    return False


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # servers set this too: they can use a port whose last connections are still closing
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise ServingError(
            f"host={host} is not an address: use 127.0.0.1 for this machine, 0.0.0.0 for all interfaces"
        ) from error
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise ServingError(f"host={host} is not an address of this machine: 127.0.0.1 always works") from error
        return False
    return True
