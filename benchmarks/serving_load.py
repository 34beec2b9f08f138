"""Load on one address, in a process of its own: closed loops of clients that keep their connection.

serving_load.py REQUEST.json: url, headers, body (a file), clients, seconds; prints what came of it as JSON.
"""

import http.client
import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def load(url: str, headers: dict[str, str], body: bytes, clients: int, seconds: float) -> dict[str, Any]:
    """Ask again and again.

    Args:
        url: http://HOST:PORT/PATH.
        headers: Headers of every request.
        body: Body of every request.
        clients: Number of clients at the same time.
        seconds: Length of the load.

    Returns:
        latencies_s; failed, why each that failed did; answer_bytes; seconds that it took; cpu_s of this process.
    """
    latencies: list[float] = []
    failed: list[str] = []
    sizes: set[int] = set()
    until = time.monotonic() + seconds
    parts = urlsplit(url)

    def client() -> None:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        while time.monotonic() < until:
            started = time.monotonic()
            try:
                connection.request("POST", parts.path, body, headers)
                answer = connection.getresponse()
                sizes.add(len(answer.read()))
            except (OSError, http.client.HTTPException) as error:
                failed.append(repr(error))
                connection.close()
                continue
            if answer.status == http.HTTPStatus.OK:
                latencies.append(time.monotonic() - started)
            else:
                failed.append(str(answer.status))

    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "latencies_s": latencies,
        "failed": failed,
        "answer_bytes": max(sizes, default=0),
        "seconds": time.monotonic() - started,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(load(**asked | {"body": Path(asked["body"]).read_bytes()})))
