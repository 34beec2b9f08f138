"""Images in S3, on a strict server: SeaweedFS from PyPI, or the one in ASL_TEST_S3_ENDPOINT (s3_server.py)."""

import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from asl_pkg.config.schema import FolderData, S3Data
from asl_pkg.data.sample import RejectedFile, Sample, Source
from asl_pkg.data.sources import open_source
from asl_pkg.errors import DataError
from asl_pkg.storage import atomic, download, s3_folder
from asl_pkg.storage.s3 import has_bucket, s3_client
from tests.support.archives import MAKERS, read, tarred, zipped
from tests.support.making import encoded, noise, public_files, public_folder
from tests.support.s3_server import s3_server

JPEG = encoded(noise(1))


@pytest.fixture(scope="module")
def variables() -> Iterator[dict[str, str]]:
    with s3_server() as found:
        yield found


@pytest.fixture(autouse=True)
def environment(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(download, "BACKOFF_S", 0.0)


@pytest.fixture(scope="module")
def client(variables: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture(scope="module")
def bucket(client: Any) -> str:
    name = f"asl-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def prefix() -> str:
    return f"set {uuid.uuid4().hex[:8]} ä"


def put(client: Any, bucket: str, prefix: str, contents: dict[str, bytes]) -> None:
    for name, data in contents.items():
        client.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=data)


def opened(url: str, downloads: Path) -> Source:
    return open_source(S3Data(path=url), 7, downloads)


def test_a_prefix_reads_as_the_same_folder_on_this_machine_does(
    client: Any, bucket: str, prefix: str, tmp_path: Path
) -> None:
    put(client, bucket, prefix, dict(public_files(3)))
    put(client, bucket, f"{prefix}-of-another", {"A/1.jpg": JPEG})
    source = opened(f"s3://{bucket}/{prefix}", tmp_path)
    local = open_source(FolderData(path=str(public_folder(tmp_path / "local", 3))), 7, tmp_path)
    assert list(source.read(0)) == list(local.read(0))
    assert list(source.read(40)) == list(local.read(40))
    assert source.total == local.total


def test_its_state_changes_with_the_contents_and_only_then(
    client: Any, bucket: str, prefix: str, tmp_path: Path
) -> None:
    put(client, bucket, prefix, {"A/1.jpg": JPEG, "A/2.jpg": JPEG})
    state = opened(f"s3://{bucket}/{prefix}", tmp_path).state
    assert opened(f"s3://{bucket}/{prefix}/", tmp_path).state == state
    put(client, bucket, prefix, {"A/2.jpg": encoded(noise(2))})
    assert opened(f"s3://{bucket}/{prefix}", tmp_path).state != state


def test_objects_that_are_no_images_are_rejected_with_the_reason(
    client: Any, bucket: str, prefix: str, tmp_path: Path
) -> None:
    put(
        client,
        bucket,
        prefix,
        {"A/": b"", "A/1.jpg": JPEG, "README.md": b"text", "Apple/1.jpg": JPEG, "A/\t2.jpg": JPEG},
    )
    control, image, apple, readme = opened(f"s3://{bucket}/{prefix}", tmp_path).read(0)
    assert isinstance(image, Sample)
    assert control == RejectedFile(r"'A/\t2.jpg'", "has control characters in its name")
    assert apple == RejectedFile("Apple/1.jpg", "not in a folder named after a class", no_class=True)
    assert isinstance(readme, RejectedFile)
    assert not readme.quarantined


@pytest.mark.parametrize("kind", MAKERS)
def test_one_archive_reads_as_the_same_one_on_this_machine_does(
    kind: str, client: Any, bucket: str, prefix: str, tmp_path: Path
) -> None:
    path = MAKERS[kind](tmp_path / kind, dict(public_files(2)))
    client.upload_file(str(path), bucket, f"{prefix}/{kind}")
    source = opened(f"s3://{bucket}/{prefix}/{kind}", tmp_path / "downloads")
    assert list(source.read(0)) == read(path)
    assert source.state == atomic.sha256(path)


@pytest.mark.parametrize("what", ["deleted", "changed"])
def test_an_object_that_is_another_than_the_listing_said_is_noticed_by_name(
    what: str, client: Any, bucket: str, prefix: str, tmp_path: Path
) -> None:
    put(client, bucket, prefix, {f"A/{number:03}.jpg": JPEG for number in range(150)})
    items = opened(f"s3://{bucket}/{prefix}", tmp_path).read(0)
    assert isinstance(next(items), Sample)
    if what == "deleted":
        client.delete_object(Bucket=bucket, Key=f"{prefix}/A/149.jpg")
    else:
        put(client, bucket, prefix, {"A/149.jpg": encoded(noise(2))})
    with pytest.raises(DataError, match=rf"s3://{bucket}/{prefix}/A/149\.jpg: .*run the pull again"):
        list(items)


def test_an_object_that_comes_while_the_others_are_read_is_noticed_by_name(
    client: Any, bucket: str, prefix: str, tmp_path: Path
) -> None:
    put(client, bucket, prefix, {f"A/{number:03}.jpg": JPEG for number in range(3)})
    items = opened(f"s3://{bucket}/{prefix}", tmp_path).read(0)
    assert isinstance(next(items), Sample)
    put(client, bucket, prefix, {"A/late.jpg": JPEG})
    with pytest.raises(DataError, match=rf"s3://{bucket}/{prefix}/A/late\.jpg appeared or changed .* pull again"):
        list(items)


class Proxy:
    """Stands between client and server, and cuts the first connections that carry more than so many bytes."""

    def __init__(self, endpoint: str, cuts: list[int]) -> None:
        host, port = endpoint.removeprefix("http://").split(":")
        self.server = (host, int(port))
        self.cuts = cuts
        self.carried_bytes = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed at the end
            while True:
                here, _ = self.listener.accept()
                there = socket.create_connection(self.server)
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, here: socket.socket, there: socket.socket) -> None:
        carried = 0
        with suppress(OSError), here, there:  # the other end may be closed already
            while data := here.recv(2**14):
                there.sendall(data)
                carried += len(data)
                self.carried_bytes += len(data)
                if self.cuts and carried > self.cuts[0]:
                    self.cuts.pop(0)
                    there.shutdown(socket.SHUT_RDWR)
                    return


@pytest.fixture
def proxy(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    made = Proxy(variables["AWS_ENDPOINT_URL"], cuts=[])
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    yield made
    made.listener.close()


def test_an_archive_whose_download_breaks_off_goes_on_where_it_was(
    client: Any, bucket: str, prefix: str, proxy: Proxy, tmp_path: Path
) -> None:
    path = tarred(tmp_path / "x.tar", {"A/1.jpg": b"1" * 2_000_000})
    client.upload_file(str(path), bucket, f"{prefix}/x.tar")
    proxy.cuts = [1_000_000, 500_000]
    assert opened(f"s3://{bucket}/{prefix}/x.tar", tmp_path / "downloads").state == atomic.sha256(path)
    assert not proxy.cuts
    assert proxy.carried_bytes < 2_600_000


def test_an_archive_that_changed_since_it_came_is_fetched_anew(
    client: Any, bucket: str, prefix: str, tmp_path: Path
) -> None:
    for content in (b"old", b"new"):
        path = zipped(tmp_path / "x.zip", {"A/1.jpg": content})
        client.upload_file(str(path), bucket, f"{prefix}/x.zip")
        assert opened(f"s3://{bucket}/{prefix}/x.zip", tmp_path / "downloads").state == atomic.sha256(path)


def test_an_object_whose_connection_breaks_off_is_fetched_again(
    client: Any, bucket: str, prefix: str, proxy: Proxy, tmp_path: Path
) -> None:
    big = JPEG + bytes(300_000)
    put(client, bucket, prefix, {"A/1.jpg": big})
    source = opened(f"s3://{bucket}/{prefix}", tmp_path)
    proxy.cuts = [100_000, 100_000]
    (item,) = source.read(0)
    assert isinstance(item, Sample)
    assert item.data == big
    assert not proxy.cuts


class Refusing:
    """A client whose server refuses one object."""

    def __init__(self, client: Any, name: str, code: str) -> None:
        self.client, self.name, self.code = client, name, code

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def get_object(self, **asked: Any) -> Any:
        if asked["Key"].endswith(self.name):
            raise ClientError({"Error": {"Code": self.code}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObject")
        return self.client.get_object(**asked)


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState"])
def test_an_object_that_alone_is_refused_counts_as_unfit(
    code: str, client: Any, bucket: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, bucket, prefix, {"A/1.jpg": JPEG, "A/2.jpg": JPEG})
    monkeypatch.setattr(s3_folder, "s3_client", lambda: Refusing(client, "1.jpg", code))
    refused, whole = opened(f"s3://{bucket}/{prefix}", tmp_path).read(0)
    assert refused == RejectedFile("A/1.jpg", f"cannot be read ({code})")
    assert isinstance(whole, Sample)


def test_a_refusal_that_concerns_all_objects_ends_the_pull(
    client: Any, bucket: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, bucket, prefix, {"A/1.jpg": JPEG, "A/2.jpg": JPEG})
    monkeypatch.setattr(s3_folder, "s3_client", lambda: Refusing(client, "1.jpg", "ExpiredToken"))
    with pytest.raises(DataError, match="ExpiredToken"):
        list(opened(f"s3://{bucket}/{prefix}", tmp_path).read(0))


@pytest.mark.parametrize("key", ["", "set", "set/x.zip"], ids=["bucket", "prefix", "archive"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "no such bucket"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "access denied: check AWS_ACCESS_KEY_ID"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "check .*AWS_ACCESS_KEY_ID"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "check AWS_ACCESS_KEY_ID.*only public buckets"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "no S3 server answers at http://127.0.0.1:1"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "check the AWS_"),
        ({"AWS_PROFILE": "nobody"}, "check the AWS_"),
    ],
    ids=["no bucket", "wrong secret", "wrong key", "no credentials", "no server", "no URL", "no profile"],
)
def test_what_cannot_be_reached_is_one_line_that_says_what_to_set(
    key: str, change: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name, value in change.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(DataError, match=message) as caught:
        opened(f"s3://asl-nowhere-{uuid.uuid4().hex[:12]}/{key}", tmp_path)
    assert "\n" not in str(caught.value)


def test_an_empty_prefix_is_refused(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no object"):
        opened(f"s3://{bucket}/nothing-here", tmp_path)


@pytest.mark.parametrize("url", ["s3://", "s3:///key", "bucket/key", ""])
def test_what_is_no_s3_url_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not an S3 URL"):
        opened(url, tmp_path)


def test_what_the_users_aws_files_say_is_not_overridden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["[default]", "region = eu-north-1", "retry_mode = adaptive", "max_attempts = 7"]
    (tmp_path / "config").write_text("\n".join([*lines, "s3 =", "  addressing_style = virtual"]))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"):
        monkeypatch.delenv(name, raising=False)
    config = s3_client().meta.config
    assert config.region_name == "eu-north-1"
    assert config.retries["mode"] == "adaptive"
    assert config.retries["total_max_attempts"] == 7
    assert config.s3["addressing_style"] == "virtual"


def test_a_server_named_in_the_users_aws_files_is_asked_by_path_as_it_has_no_name_a_bucket(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(f"[default]\nendpoint_url = {variables['AWS_ENDPOINT_URL']}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert not has_bucket(s3_client(), f"asl-{uuid.uuid4().hex[:12]}")


def test_a_public_bucket_is_read_without_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(public=True) as there:
        for name, value in there.items():
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        client = s3_client()
        client.create_bucket(Bucket="open")
        for path, data in public_files(1):
            client.put_object(Bucket="open", Key=path, Body=data)
        assert len(list(opened("s3://open", tmp_path).read(0))) == 29


def test_a_page_in_place_of_s3_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><html><br>Log in</html>")

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(DataError, match="web page"):
            opened("s3://bucket/set", tmp_path)
        server.shutdown()
