"""Downloads from a local web server that drops connections, ignores ranges and sends wrong answers."""

import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asl_pkg.config.schema import HttpData
from asl_pkg.data.sample import Source
from asl_pkg.data.sources import open_source
from asl_pkg.errors import DataError
from asl_pkg.storage import atomic, download
from tests.support.archives import read, zipped
from tests.support.making import public_files


@dataclass
class Site:
    """What the server gives and how; and what it was asked.

    Args:
        content: the file.
        etag: its name for these contents, empty for none.
        drops: after how many bytes it closes the first connections, one a connection.
        ranges: whether it knows them.
        statuses: what it answers to the first requests instead.
        sends_length: whether it says how long the file is.
        kind: what it says that the file is.
    """

    content: bytes
    etag: str = '"1"'
    drops: list[int] = field(default_factory=list)
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)
    sends_length: bool = True
    kind: str = "application/zip"
    url: str = ""
    served_bytes: int = 0
    asked: list[str | None] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        site = self.site
        site.asked.append(self.headers.get("Range"))
        if site.statuses:
            self.send_error(site.statuses.pop(0))
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and site.ranges and self.headers.get("If-Range") in (site.etag, None) else 0
        total = len(site.content)
        if start >= total > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{total}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if site.sends_length:
            self.send_header("Content-Length", str(total - start))
        self.send_header("Content-Type", site.kind)
        if site.etag:
            self.send_header("ETag", site.etag)
        self.end_headers()
        body = site.content[start : start + site.drops.pop(0)] if site.drops else site.content[start:]
        self.wfile.write(body)
        site.served_bytes += len(body)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = zipped(tmp_path / "letters.zip", dict(public_files(20)))
    site = Site(made.read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_port}/sets/letters.zip"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BACKOFF_S", 0.0)


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


def opened(site: Site, downloads: Path, sha256: str = "") -> Source:
    return open_source(HttpData(path=site.url, sha256=sha256), 7, downloads)


def test_it_reads_as_the_same_archive_on_this_machine_does(site: Site, downloads: Path, tmp_path: Path) -> None:
    source = opened(site, downloads, site.sha256)
    assert list(source.read(0)) == read(tmp_path / "letters.zip")
    assert source.state == site.sha256


def test_a_download_that_breaks_off_midway_goes_on_where_it_was(site: Site, downloads: Path) -> None:
    site.drops = [len(site.content) // 3, len(site.content) // 3]
    assert opened(site, downloads, site.sha256).state == site.sha256
    assert site.served_bytes == len(site.content)
    assert len(site.asked) == 3


def test_a_pull_that_gave_up_midway_goes_on_where_it_was(site: Site, downloads: Path) -> None:
    site.drops = [len(site.content) // 2] + [0] * download.ATTEMPTS
    with pytest.raises(DataError, match="run the same pull again to resume"):
        opened(site, downloads)
    assert opened(site, downloads, site.sha256).state == site.sha256
    assert site.served_bytes == len(site.content)


def test_what_is_here_completely_is_not_sent_again(site: Site, downloads: Path) -> None:
    opened(site, downloads)
    assert opened(site, downloads).state == site.sha256
    assert site.served_bytes == len(site.content)


def test_a_file_that_changed_between_two_attempts_is_fetched_anew(site: Site, downloads: Path, tmp_path: Path) -> None:
    site.drops = [len(site.content) // 2] + [0] * download.ATTEMPTS
    with pytest.raises(DataError):
        opened(site, downloads)
    site.content, site.etag = zipped(tmp_path / "new.zip", dict(public_files(21))).read_bytes(), '"2"'
    assert opened(site, downloads).state == site.sha256
    assert site.asked[-1] is not None


def test_a_file_that_became_shorter_is_fetched_anew(site: Site, downloads: Path, tmp_path: Path) -> None:
    opened(site, downloads)
    site.content = zipped(tmp_path / "new.zip", dict(public_files(2))).read_bytes()
    assert opened(site, downloads).state == site.sha256


@pytest.mark.parametrize(
    "change",
    [{"ranges": False}, {"etag": ""}, {"etag": 'W/"1"'}],
    ids=["no ranges", "no name for its contents", "a weak one"],
)
def test_where_nothing_can_be_resumed_it_begins_anew(change: dict[str, object], site: Site, downloads: Path) -> None:
    site.drops = [len(site.content) // 2]
    for name, value in change.items():
        setattr(site, name, value)
    assert opened(site, downloads).state == site.sha256
    assert site.served_bytes == len(site.content) // 2 + len(site.content)


def test_a_server_that_does_not_say_how_long_the_file_is_is_read_to_its_end(site: Site, downloads: Path) -> None:
    site.sends_length = False
    assert opened(site, downloads).state == site.sha256


def test_a_busy_server_is_asked_again(site: Site, downloads: Path) -> None:
    site.statuses = [503, 429, 500]
    assert opened(site, downloads).state == site.sha256


def test_a_server_that_gives_nothing_is_given_up_in_one_line(site: Site, downloads: Path) -> None:
    site.drops = [0] * 20
    with pytest.raises(DataError, match=r"0 of .* bytes|it broke") as caught:
        opened(site, downloads)
    assert "\n" not in str(caught.value)
    assert len(site.asked) == download.ATTEMPTS


def test_a_wrong_sha256_names_both_and_removes_the_file(site: Site, downloads: Path) -> None:
    with pytest.raises(DataError, match="SHA-256") as caught:
        opened(site, downloads, "0" * 64)
    assert site.sha256 in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert opened(site, downloads, site.sha256).state == site.sha256
    assert site.served_bytes == 2 * len(site.content)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_one_line_without_the_password_and_is_not_repeated(
    status: int, site: Site, downloads: Path
) -> None:
    site.statuses = [status] * 9
    site.url = site.url.replace("//", "//user:secret@") + "?signature=secret"
    with pytest.raises(
        DataError, match=rf"http://127.0.0.1:\d+/sets/letters.zip: the server answered {status}"
    ) as caught:
        opened(site, downloads)
    assert "secret" not in str(caught.value)
    assert len(site.asked) == 1


def test_a_disk_that_is_too_small_is_found_before_the_download(
    site: Site, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 2**20}))
    with pytest.raises(DataError, match="GB are free"):
        opened(site, downloads)
    assert not any(path.suffix != ".version" for path in downloads.iterdir())


@pytest.mark.parametrize(
    "url", ["http://", "ftp://host/x.zip", "http://[x/x.zip", "http://host:port/x.zip", "http://127.0.0.1:1/x.zip"]
)
def test_a_url_that_leads_nowhere_is_one_line(url: str, downloads: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_source(HttpData(path=url), 7, downloads)
    assert "\n" not in str(caught.value)


def test_a_page_in_place_of_the_archive_is_refused(site: Site, downloads: Path) -> None:
    site.content = b"<html>Please log in</html>"
    with pytest.raises(DataError, match="is not an archive"):
        opened(site, downloads)


def test_a_web_page_in_place_of_the_archive_says_so(site: Site, tmp_path: Path) -> None:
    site.kind = "text/html; charset=utf-8"
    with pytest.raises(DataError, match="sent a web page"):
        opened(site, tmp_path)


def test_where_nobody_listens_it_does_not_wait(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="connection refused"):
        open_source(HttpData(path="http://ann:secret@127.0.0.1:9/a.zip?sig=dead"), 0, tmp_path)


def test_a_server_on_this_machine_is_not_asked_through_a_proxy(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert opened(site, tmp_path).total


def test_a_proxy_that_does_not_answer_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://ann:secret@127.0.0.1:9")
    with pytest.raises(DataError, match="http_proxy .* correct or unset") as caught:
        open_source(HttpData(path="http://example.invalid/a.zip?sig=dead"), 0, tmp_path)
    assert "secret" not in str(caught.value)
