"""Asks model servers again and again and counts what it gets; runs in a pod, with the standard library alone.

rollout_load.py REQUESTS_A_SECOND PREDICTOR_URL [TRANSFORMER_URL IMAGE_FILE_AS_BASE64]: each is asked so often for one
image, over a connection of its own each time. An attempt that is refused before there is a response is tried again,
three times in all. Every second a line of JSON says the counts.
"""

import http.client
import json
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

ATTEMPTS = 3
PAUSE_S = 0.2  # between attempts
TIMEOUT_S = 10
SIDE = 200


@dataclass(frozen=True)
class Question:
    """What is asked where."""

    url: str
    headers: dict[str, str]
    body: bytes


def of_predictor(url: str) -> Question:
    """An image of one colour in v2's binary form."""
    tensor = {"name": "input", "datatype": "UINT8", "shape": [1, SIDE, SIDE, 3]}
    tensor["parameters"] = {"binary_data_size": SIDE * SIDE * 3}
    head = json.dumps({"inputs": [tensor], "outputs": [{"name": "output"}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    return Question(f"{url}/v2/models/asl_model/infer", headers, head + bytes([128]) * (SIDE * SIDE * 3))


def of_transformer(url: str, image: str) -> Question:
    """An image file in v1."""
    body = json.dumps({"instances": [{"b64": image}]}).encode()
    return Question(f"{url}/v1/models/asl_model:predict", {"Content-Type": "application/json"}, body)


def answered(answer: dict[str, Any]) -> bool:
    """Is this probabilities, or a letter and the release that read it?"""
    if "outputs" in answer:
        return bool(abs(sum(answer["outputs"][0]["data"]) - 1) < 1e-3)
    return {"letter", "release"} <= answer["predictions"][0].keys()


def ask(question: Question) -> str:
    """One attempt: `answered`, `refused` where there was no response, else what came instead of an answer."""
    url = urlsplit(question.url)
    connection = http.client.HTTPConnection(url.netloc, timeout=TIMEOUT_S)
    try:
        connection.request("POST", url.path, question.body, question.headers)
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException):
        return "refused"
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        return f"status {response.status}"
    return "answered" if answered(json.loads(answer)) else "no answer in it"


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

    def numbers(self) -> dict[str, int]:
        """A copy of the counts."""
        with self._lock:
            return dict(self._counts)


def one_request(question: Question, counts: Counts) -> None:
    """Ask until there is a response, at most three times."""
    results = [ask(question)]
    while results[-1] == "refused" and len(results) < ATTEMPTS:
        time.sleep(PAUSE_S)
        results.append(ask(question))
    counts.add(results)


def main(rate: float, questions: dict[str, Question]) -> None:
    """Ask for ever."""
    counts = {name: Counts() for name in questions}
    started = time.monotonic()
    number = 0
    while True:
        number += 1
        for name, question in questions.items():
            threading.Thread(target=one_request, args=(question, counts[name]), daemon=True).start()
        if number % max(1, round(rate)) == 0:
            print(json.dumps({name: count.numbers() for name, count in counts.items()}), flush=True)
        time.sleep(max(0.0, started + number / rate - time.monotonic()))


if __name__ == "__main__":
    rate, predictor, *transformer = sys.argv[1:]
    asked = {"predictor": of_predictor(predictor)}
    main(float(rate), asked | {"transformer": of_transformer(*transformer)} if transformer else asked)
