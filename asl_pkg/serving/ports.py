"""Ports to listen on: those wanted, or the next free ones."""

import errno
import socket
from collections.abc import Sequence

from asl_pkg.errors import ServingError

LAST_PORT = 65535


def free_ports(host: str, wanted: Sequence[int]) -> list[int]:
    """Choose one free port for each wanted one: itself, or the next above it that is free.

    Args:
        host: the address to listen on.
        wanted: the ports asked for.

    Returns:
        As many ports, all different.

    Raises:
        ServingError: the host is not an address of this machine, or no port is left.
    """
    free = [port for port in wanted if _is_free(host, port)]
    chosen: list[int] = []
    for port in wanted:
        # those that others asked for are theirs, so that one taken port moves one port only
        others = {*chosen, *free} - ({port} - set(chosen))
        found = next((one for one in range(port, LAST_PORT + 1) if one not in others and _is_free(host, one)), None)
        if found is None:
            raise ServingError(f"no port from {port} to {LAST_PORT} is free on {host}: name a lower one")
        chosen.append(found)
    return chosen


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # a port whose last connections are still closing is free for a server, as servers set this too
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise ServingError(f"host={host} is not an address: 127.0.0.1 is for this machine, 0.0.0.0 for all") from error
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise ServingError(f"host={host} is not an address of this machine: 127.0.0.1 always is") from error
        return False
    return True
