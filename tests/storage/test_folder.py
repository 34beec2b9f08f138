"""Folders on this machine and in S3 behave alike, on a strict server (tests/support/s3_server.py)."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_pkg.errors import DataError
from asl_pkg.storage import outputs
from asl_pkg.storage.folder import Folder, LocalFolder, open_folder
from asl_pkg.storage.s3 import s3_client
from asl_pkg.storage.s3_folder import S3Folder
from tests.support.s3_server import s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with s3_server() as found:
        yield found


@pytest.fixture(params=["here", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    if request.param == "here":
        return open_folder(str(tmp_path / "store"), "below")
    for name, value in request.getfixturevalue("server").items():
        monkeypatch.setenv(name, value)
    bucket = f"folder-{uuid.uuid4().hex[:8]}"
    s3_client().create_bucket(Bucket=bucket)
    return open_folder(f"s3://{bucket}/some/", "below")


def made(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_an_address_names_the_kind_of_folder(folder: Folder) -> None:
    assert folder.url("x").endswith("/below/x")
    assert isinstance(folder, S3Folder if folder.url().startswith("s3://") else LocalFolder)


def test_a_file_is_there_from_its_first_copy_until_it_is_removed(folder: Folder, tmp_path: Path) -> None:
    folder.require()
    assert not folder.has("a/b")
    for text in ("first", "second"):
        folder.put_file(made(tmp_path, {"source": text}) / "source", "a/b")
    assert folder.read("a/b") == b"second"
    assert list(folder.names()) == ["a/b"]
    folder.fetch_file("a/b", tmp_path / "target")
    assert (tmp_path / "target").read_text() == "second"
    folder.remove_file("a/b")
    folder.remove_file("a/b")
    assert not folder.has("a/b")
    assert list(folder.names()) == []


def test_a_text_is_written_and_replaced(folder: Folder) -> None:
    for text in ("first", "zweite ä"):
        folder.write_text("note.json", text)
    assert folder.read("note.json").decode() == "zweite ä"


def test_a_folder_is_copied_and_opened_as_it_was(folder: Folder, tmp_path: Path) -> None:
    files = {"report.json": "{}", "golden/A.png": "image"}
    folder.put_folder(made(tmp_path / "source", files), "r", outputs.REPORT, last="report.json")
    with folder.opened("r") as (copy,):
        assert {name: (copy / name).read_text() for name in files} == files
    assert set(folder.names()) >= {f"r/{name}" for name in files}


def test_a_bucket_that_is_not_there_is_said_in_one_line(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DataError, match="s3://nowhere-at-all/x: there is no such bucket"):
        open_folder("s3://nowhere-at-all/x").require()
