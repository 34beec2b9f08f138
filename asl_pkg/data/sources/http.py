"""An archive on a web server."""

import hashlib
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3

from asl_pkg.config.schema import HttpData
from asl_pkg.data.hashing import file_digest
from asl_pkg.data.sample import Source
from asl_pkg.data.sources.archive import open_archive
from asl_pkg.errors import DataError
from asl_pkg.network import reach_directly
from asl_pkg.storage.download import DOWNLOAD_CHUNK_BYTES, BrokenConnectionError, HttpPart, download
from asl_pkg.urls import public, with_secrets

CONNECT_S, READ_S = 10, 60
BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, *(code for code in HTTPStatus if code >= 500))
PASSING = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.TimeoutError,
)


def open_source(settings: HttpData, downloads: Path) -> Source:
    """Download the archive, or the rest of it, and open it.

    Args:
        settings: `path` is the URL; a user and password in it, HTTPS_PROXY and ~/.netrc apply.
        downloads: Folder that keeps the file until the data set is complete.

    Returns:
        Its members, in its own order.

    Raises:
        DataError: The server does not send it, it has another SHA-256, or it is not an archive that is safe to read.
    """
    url = with_secrets(settings.path)
    _require_url(url)
    reach_directly(url)
    name = public(url)
    file = downloads / hashlib.sha256(url.encode()).hexdigest()
    download(lambda start, version: _ask(url, start, version), file, name)
    digest = file_digest(file, name)
    if settings.sha256 and digest != settings.sha256.strip().lower():
        file.unlink()
        raise DataError(
            f"{name} has SHA-256 {digest}, expected {settings.sha256}: the file was removed; check data.sha256"
        )
    return open_archive(file, name, digest)


def _require_url(url: str) -> None:
    try:
        named = urlsplit(url).hostname
        urlsplit(url).port  # noqa: B018 - raises where it is not a number
    except ValueError:
        named = None
    if not named:
        raise DataError("data.path is not a URL, expected https://HOST/ARCHIVE")


@contextmanager
def _ask(url: str, start: int, version: str) -> Iterator[HttpPart]:
    # Without compression: sizes and the SHA-256 are of the file itself.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_S, READ_S)) as response:
            answer = _answer(response, start, version)
            if answer is not None:
                yield answer
                return
        with _ask(url, 0, "") as answer:
            yield answer
    except requests.exceptions.ProxyError as error:  # a retry would be refused too
        raise DataError(
            f"{public(url)}: the proxy of http_proxy or https_proxy does not let it through: correct or unset "
            "them, or add the server to no_proxy"
        ) from error
    except requests.exceptions.SSLError as error:
        raise DataError(f"{public(url)}: {type(error).__name__}, expected a server with a valid certificate") from error
    except PASSING as error:
        if start == 0 and (hopeless := _hopeless(error)):
            raise DataError(f"{public(url)}: {hopeless}, expected https://HOST/ARCHIVE") from error
        raise BrokenConnectionError(f"{public(url)}: no connection, or it broke ({type(error).__name__})") from error
    except requests.RequestException as error:
        raise DataError(f"{public(url)}: {type(error).__name__}, expected https://HOST/ARCHIVE") from error


def _hopeless(error: BaseException) -> str:
    """Errors that a retry cannot fix: no such host, or nothing listens on the port."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ConnectionRefusedError):
            return "connection refused"
        if isinstance(found, socket.gaierror) and found.errno == socket.EAI_NONAME:
            return "no such host"
        found = found.__cause__ or found.__context__
    return ""


def _answer(response: requests.Response, start: int, version: str) -> HttpPart | None:
    """Read the headers of a response; None if the server has less than we have already."""
    code = response.status_code
    chunks = response.raw.stream(DOWNLOAD_CHUNK_BYTES, decode_content=False)
    if code == HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(rf"bytes {start}-\d+/(\d+)", response.headers.get("Content-Range", ""))
        return HttpPart(start, int(found[1]), version, chunks) if found else None
    if code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
        whole = response.headers.get("Content-Range") == f"bytes */{start}"
        return HttpPart(start, start, version, iter(())) if whole else None
    if code in BUSY:
        raise BrokenConnectionError(f"{public(response.url)}: the server answered {code} {response.reason}")
    if code != HTTPStatus.OK:
        raise DataError(f"{public(response.url)}: the server answered {code} {response.reason}, expected the archive")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise DataError(
            f"{public(response.url)}: the server sent a web page, expected the archive: use the direct link to the "
            "file, or download it and use data=archive data.path=FILE"
        )
    length = response.headers.get("Content-Length", "")
    return HttpPart(0, int(length) if length.isdecimal() else None, _version(response), chunks)


def _version(response: requests.Response) -> str:
    """Value for If-Range: a strong ETag or a date (RFC 9110, 13.1.5)."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
