"""Damaged v2 requests over HTTP: every one must get an error that says why.

Triton answers 400 if it parsed the JSON and refuses its contents, 500 if it could not parse it.
"""

import contextlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from asl_pkg import contract

PX = contract.IMAGE_PX
IMAGE = bytes(PX * PX * 3)
TIMEOUT_S = 20
INFER = f"/v2/models/{contract.MODEL_NAME}/infer"
LENGTH_HEADER = "Inference-Header-Content-Length"
TYPES = ("BOOL", "UINT16", "UINT32", "INT8", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES", "uint8", "", "COLOUR")
SHAPES: dict[str, Any] = {
    "none": [], "one number": [1], "no batch": [PX, PX, 3], "RGBA": [1, PX, PX, 4], "channels first": [1, 3, PX, PX],
    "half size": [1, PX // 2, PX // 2, 3], "empty batch": [0, PX, PX, 3], "more than it holds": [2, PX, PX, 3],
    "over the maximum": [contract.MAX_BATCH + 1, PX, PX, 3], "negative": [-1, PX, PX, 3], "all negative": [-1] * 4,
    "huge": [2**40, PX, PX, 3], "overflowing": [2**62, 2**62, PX, 3], "text": ["a"], "words": "1,200,200,3",
    "fractions": [1.5, PX, PX, 3], "null": None, "five": [1, 1, PX, PX, 3],
}  # fmt: skip


@dataclass(frozen=True)
class Damaged:
    """One request."""

    name: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    path: str = INFER
    method: str = "POST"


def send(url: str, request: Damaged) -> str:
    """Send a request.

    Args:
        url: http://HOST:PORT.
        request: the request.

    Returns:
        Empty where the answer is a clear error, else what is wrong with it.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=TIMEOUT_S)
    with contextlib.closing(connection):
        try:
            connection.request(request.method, request.path, request.body, request.headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return f"no answer ({error!r})"
    return "" if 400 <= answer.status < 500 and text.strip() or _says_why(text) else f"{answer.status} {text[:100]}"


def _says_why(text: str) -> bool:
    """Whether a body is v2's error object."""
    try:
        content = json.loads(text)
    except ValueError:
        return False
    return isinstance(content, dict) and bool(content.get("error"))


def damaged_requests() -> Iterator[Damaged]:
    """Yield the requests."""
    for datatype in TYPES:
        yield _binary(f"type {datatype or 'empty'}", datatype=datatype)
    for name, shape in SHAPES.items():
        yield _binary(f"shape {name}", shape=shape)
    for name in ("", "inputs", "input ", "x" * 10_000, 7, None, "../input"):
        yield _binary(f"input name {str(name)[:20]!r}", name=name)
    yield from _bodies()
    yield from _numbers()
    for length in ("-1", "abc", "99999999", "0", "1" * 40, "5"):
        good = _binary("")
        yield Damaged(f"header length {length[:10]}", good.body, {LENGTH_HEADER: length})
    for size in (0, 1, len(IMAGE) - 1, len(IMAGE) + 1, -1, 2**63, "many", None, 1.5):
        yield _binary(f"binary size {size}", parameters={"binary_data_size": size})
    for outputs in ([{"name": "letters"}], [{}], {}, "output"):
        yield _binary(f"outputs {outputs}", outputs=outputs)
    nothing = {"binary_data_size": 0}
    yield _binary("an empty batch of no bytes", shape=[0, PX, PX, 3], parameters=nothing, tail=b"")
    yield _binary("100 MB after the JSON", tail=bytes(100_000_000))
    yield _binary("100 MB tensor", tail=bytes(100_000_000), parameters={"binary_data_size": 100_000_000})
    yield Damaged("100 MB of zeros", bytes(100_000_000))
    yield Damaged("no such model", _binary("").body, _binary("").headers, "/v2/models/other/infer")
    yield Damaged(
        "no such version", _binary("").body, _binary("").headers, INFER.replace("/infer", "/versions/9/infer")
    )
    yield Damaged("no such path", b"", path="/v2/nothing")
    yield Damaged("GET", b"", method="GET")
    yield Damaged("not gzip", _binary("").body, {**_binary("").headers, "Content-Encoding": "gzip"})
    yield _binary(
        "no such shared memory", parameters={"shared_memory_region": "x", "shared_memory_byte_size": 9}, tail=b""
    )


def _binary(label: str, outputs: Any = None, tail: bytes = IMAGE, **changes: Any) -> Damaged:
    """A right request with the pixels as raw bytes, and some fields of its input changed."""
    tensor = {"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": [1, PX, PX, 3]}
    tensor["parameters"] = {"binary_data_size": len(IMAGE)}
    content: dict[str, Any] = {"inputs": [tensor | changes]}
    if outputs is not None:
        content["outputs"] = outputs
    header = json.dumps(content).encode()
    return Damaged(label, header + tail, {LENGTH_HEADER: str(len(header))})


def _bodies() -> Iterator[Damaged]:
    """Bodies that are no request at all."""
    for body in (b"", b"{", b"null", b"[]", b'"x"', b"1", b"NaN", b"\xff\xfe{}", b'{"inputs":', IMAGE):
        yield Damaged(f"body {body[:12]!r}", body)
    yield Damaged("100,000 brackets", b"[" * 100_000)
    for inputs in (None, {}, "x", [], [None], [1], [[]], [{}]):
        yield Damaged(f"inputs {inputs}", json.dumps({"inputs": inputs}).encode())
    good = json.loads(_binary("").body[: int(_binary("").headers[LENGTH_HEADER])])["inputs"][0]
    header = json.dumps({"inputs": [good, good]}).encode()
    yield Damaged("the input twice", header + IMAGE * 2, {LENGTH_HEADER: str(len(header))})
    header = json.dumps({"inputs": [good, good | {"name": "more"}]}).encode()
    yield Damaged("an input too many", header + IMAGE * 2, {LENGTH_HEADER: str(len(header))})


def _numbers() -> Iterator[Damaged]:
    """Tensors as JSON whose numbers are wrong."""
    whole = "0," * (len(IMAGE) - 1)
    for last in ("-1", "256", "1e9", "1.5", "NaN", "Infinity", "null", '"a"', "[]", "{}", "99999999999999999999"):
        yield _json(f"number {last}", f"[{whole}{last}]")
    for name, data in {"too few": "[1,2,3]", "too many": f"[{whole}0,0]", "none": "[]", "text": '"AAAA"'}.items():
        yield _json(f"numbers {name}", data)


def _json(label: str, data: str) -> Damaged:
    tensor = f'"name": "{contract.INPUT_NAME}", "datatype": "UINT8", "shape": [1, {PX}, {PX}, 3], "data": {data}'
    return Damaged(label, f'{{"inputs": [{{{tensor}}}]}}'.encode())
