"""Asks a model server again and again and counts what it gets; runs in a pod, with the standard library alone.

rollout_load.py URL REQUESTS_A_SECOND: one picture a request, each over a connection of its own. An attempt that is
refused before there is a response is tried again, three times in all. Every second a line of JSON says the counts.
"""

import http.client
import json
import sys
import threading
import time
from urllib.parse import urlsplit

ATTEMPTS = 3
PAUSE_S = 0.2  # between attempts
TIMEOUT_S = 10
SIDE = 200


def body() -> tuple[bytes, int]:
    """A picture of one colour in v2's binary form: the request, and how long its JSON part is."""
    tensor = {"name": "input", "datatype": "UINT8", "shape": [1, SIDE, SIDE, 3]}
    tensor["parameters"] = {"binary_data_size": SIDE * SIDE * 3}
    head = json.dumps({"inputs": [tensor], "outputs": [{"name": "output"}]}).encode()
    return head + bytes([128]) * (SIDE * SIDE * 3), len(head)


def ask(address: str, request: bytes, head: int) -> str:
    """One attempt: `answered`, `refused` where there was no response, else what came instead of an answer."""
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_S)
    headers = {"Inference-Header-Content-Length": str(head)}
    try:
        connection.request("POST", "/v2/models/asl_model/infer", request, headers)
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException):
        return "refused"
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        return f"status {response.status}"
    total = sum(json.loads(answer)["outputs"][0]["data"])
    return "answered" if abs(total - 1) < 1e-3 else "no probabilities"


class Counts:
    """What happened to the requests so far."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = {"sent": 0, "answered": 0, "first_attempt_failed": 0, "lost": 0}

    def add(self, results: list[str]) -> None:
        """Count one request by the results of its attempts."""
        with self._lock:
            self._counts["sent"] += 1
            self._counts["answered"] += results[-1] == "answered"
            self._counts["lost"] += results[-1] != "answered"
            self._counts["first_attempt_failed"] += results[0] != "answered"
            for result in results:
                if result != "answered":
                    self._counts[result] = self._counts.get(result, 0) + 1

    def line(self) -> str:
        """The counts as JSON."""
        with self._lock:
            return json.dumps(self._counts)


def one_request(address: str, request: bytes, head: int, counts: Counts) -> None:
    """Ask until there is a response, at most three times."""
    results = [ask(address, request, head)]
    while results[-1] == "refused" and len(results) < ATTEMPTS:
        time.sleep(PAUSE_S)
        results.append(ask(address, request, head))
    counts.add(results)


def main(url: str, rate: float) -> None:
    """Ask for ever."""
    address = urlsplit(url).netloc
    request, head = body()
    counts = Counts()
    started = time.monotonic()
    number = 0
    while True:
        number += 1
        threading.Thread(target=one_request, args=(address, request, head, counts), daemon=True).start()
        if number % max(1, round(rate)) == 0:
            print(counts.line(), flush=True)
        time.sleep(max(0.0, started + number / rate - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
