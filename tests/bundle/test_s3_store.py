"""The model store in S3, against a strict S3 server (tests/support/s3_server.py)."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.bundle.s3_store import S3Store
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import list_releases
from asl_pkg.errors import BundleError, DataError
from asl_pkg.storage.s3 import s3_client
from tests.support.s3_server import s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with s3_server() as found:
        yield found


@pytest.fixture
def client(server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return s3_client()


@pytest.fixture
def store(client: Any) -> S3Store:
    bucket = f"models-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=bucket)
    return S3Store(f"s3://{bucket}/some/prefix/")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    (tmp_path / "report" / contract.GOLDEN_FOLDER).mkdir(parents=True)
    for name in (contract.REPORT_FILE, f"{contract.GOLDEN_FOLDER}/A.png"):
        (tmp_path / "report" / name).write_text(name)
    return tmp_path / "report"


def test_what_comes_out_is_what_went_in(store: S3Store, bundle: Bundle, report: Path) -> None:
    assert store.releases() == []
    store.put(bundle.release, bundle.folder, report)
    assert store.releases() == [bundle.release]
    assert store.manifest(bundle.release) == (bundle.folder / contract.BUNDLE_FILE).read_bytes()
    with store.opened(bundle.release) as (folder, reports):
        assert open_bundle(folder).digest == bundle.digest
        assert (reports / contract.GOLDEN_FOLDER / "A.png").read_text() == f"{contract.GOLDEN_FOLDER}/A.png"
    assert not folder.exists()


def test_a_release_is_never_written_again(store: S3Store, bundle: Bundle, report: Path) -> None:
    store.put(bundle.release, bundle.folder, report)
    (report / contract.REPORT_FILE).write_text("another")
    store.put(bundle.release, bundle.folder, report)
    with store.opened(bundle.release) as (_, reports):
        assert (reports / contract.REPORT_FILE).read_text() == contract.REPORT_FILE


def test_half_a_release_is_none(store: S3Store, client: Any, bundle: Bundle, report: Path) -> None:
    store.put(bundle.release, bundle.folder, report)
    client.delete_object(Bucket=store.folder.bucket, Key=store.folder.key(f"{bundle.release}/{contract.BUNDLE_FILE}"))
    assert store.releases() == []
    store.put(bundle.release, bundle.folder, report)
    assert store.releases() == [bundle.release]


def test_an_object_that_was_changed_in_the_store_is_noticed(
    store: S3Store, client: Any, bundle: Bundle, report: Path
) -> None:
    store.put(bundle.release, bundle.folder, report)
    key = store.folder.key(f"{bundle.release}/{contract.MODEL_FILE}")
    client.put_object(Bucket=store.folder.bucket, Key=key, Body=b"x")
    with store.opened(bundle.release) as (folder, _), pytest.raises(BundleError, match="changed .*model.onnx"):
        open_bundle(folder)


def test_an_object_whose_name_leads_out_of_the_release_is_refused(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS takes such a name; the server of these tests does not."""
    monkeypatch.setattr(store.folder, "names", lambda folder: iter([f"{folder}../../outside"]))
    with pytest.raises(DataError, match="outside.*: remove it"), store.opened("0123456789ab"):
        pass


def test_its_address_ends_with_a_slash_so_that_kserve_takes_no_neighbour(store: S3Store) -> None:
    assert store.uri("0123456789ab") == f"s3://{store.folder.bucket}/some/prefix/asl-model/0123456789ab/"


def test_the_list_says_what_serves(store: S3Store, bundle: Bundle, report: Path) -> None:
    store.put(bundle.release, bundle.folder, report)
    (listed,) = list_releases(store, Serving(bundle.release, bundle.digest, "", None))
    assert (listed.release, listed.bundle_digest, listed.role) == (bundle.release, bundle.digest, "serves")


def test_what_serves_is_noted_in_the_store(store: S3Store, bundle: Bundle) -> None:
    serving = Serving(bundle.release, bundle.digest, "r", None)
    assert store.serving() is None
    store.write_serving(serving)
    assert store.serving() == serving
    assert store.releases() == []
    store.write_serving(None)
    assert store.serving() is None


def test_a_bucket_that_is_not_there_is_said(client: Any) -> None:
    with pytest.raises(DataError, match="no such bucket"):
        S3Store("s3://nowhere-at-all/x").releases()
