"""The model store in a folder and in S3, against a strict server (tests/support/s3_server.py)."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import Store, list_releases, open_store
from asl_pkg.errors import BundleError, DataError
from asl_pkg.storage.s3 import s3_client
from asl_pkg.storage.s3_folder import S3Folder
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
def s3_store(client: Any) -> Store:
    bucket = f"models-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=bucket)
    return open_store(f"s3://{bucket}/some/prefix/")


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    found: Store = request.getfixturevalue("s3_store")
    return found


def s3_folder(store: Store) -> S3Folder:
    assert isinstance(store.folder, S3Folder)
    return store.folder


@pytest.fixture
def report(tmp_path: Path) -> Path:
    (tmp_path / "report" / contract.GOLDEN_FOLDER).mkdir(parents=True)
    for name in (contract.REPORT_FILE, f"{contract.GOLDEN_FOLDER}/A.png"):
        (tmp_path / "report" / name).write_text(name)
    return tmp_path / "report"


def test_what_comes_out_is_what_went_in(store: Store, bundle: Bundle, report: Path) -> None:
    assert store.releases() == []
    store.put(bundle.release, bundle.folder, report)
    assert store.releases() == [bundle.release]
    assert store.manifest(bundle.release) == (bundle.folder / contract.BUNDLE_FILE).read_bytes()
    with store.opened(bundle.release) as (folder, reports):
        assert open_bundle(folder).digest == bundle.digest
        assert (reports / contract.GOLDEN_FOLDER / "A.png").read_text() == f"{contract.GOLDEN_FOLDER}/A.png"


def test_copies_of_a_release_in_s3_are_removed(s3_store: Store, bundle: Bundle, report: Path) -> None:
    s3_store.put(bundle.release, bundle.folder, report)
    with s3_store.opened(bundle.release) as (folder, _):
        assert folder.exists()
    assert not folder.exists()


def test_a_release_is_never_written_again(store: Store, bundle: Bundle, report: Path) -> None:
    store.put(bundle.release, bundle.folder, report)
    (report / contract.REPORT_FILE).write_text("another")
    store.put(bundle.release, bundle.folder, report)
    with store.opened(bundle.release) as (_, reports):
        assert (reports / contract.REPORT_FILE).read_text() == contract.REPORT_FILE


def test_half_a_release_is_none(s3_store: Store, client: Any, bundle: Bundle, report: Path) -> None:
    s3_store.put(bundle.release, bundle.folder, report)
    client.delete_object(
        Bucket=s3_folder(s3_store).bucket, Key=s3_folder(s3_store).key(f"{bundle.release}/{contract.BUNDLE_FILE}")
    )
    assert s3_store.releases() == []
    s3_store.put(bundle.release, bundle.folder, report)
    assert s3_store.releases() == [bundle.release]


def test_an_object_that_was_changed_in_the_store_is_noticed(
    s3_store: Store, client: Any, bundle: Bundle, report: Path
) -> None:
    s3_store.put(bundle.release, bundle.folder, report)
    key = s3_folder(s3_store).key(f"{bundle.release}/{contract.MODEL_FILE}")
    client.put_object(Bucket=s3_folder(s3_store).bucket, Key=key, Body=b"x")
    with s3_store.opened(bundle.release) as (folder, _), pytest.raises(BundleError, match="changed .*model.onnx"):
        open_bundle(folder)


def test_an_object_whose_name_leads_out_of_the_release_is_refused(
    s3_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS takes such a name; the server of these tests does not."""
    monkeypatch.setattr(s3_store.folder, "names", lambda folder: iter([f"{folder}../../outside"]))
    with pytest.raises(DataError, match="outside.*: remove it"), s3_store.opened("0123456789ab"):
        pass


def test_its_address_ends_with_a_slash_so_that_kserve_takes_no_neighbour(s3_store: Store) -> None:
    assert s3_store.uri("0123456789ab") == f"s3://{s3_folder(s3_store).bucket}/some/prefix/asl-model/0123456789ab/"


def test_the_list_says_what_serves(store: Store, bundle: Bundle, report: Path) -> None:
    store.put(bundle.release, bundle.folder, report)
    (listed,) = list_releases(store, Serving(bundle.release, bundle.digest, "", None))
    assert (listed.release, listed.bundle_digest, listed.role) == (bundle.release, bundle.digest, "serves")


def test_what_serves_is_noted_in_the_store(store: Store, bundle: Bundle) -> None:
    serving = Serving(bundle.release, bundle.digest, "r", None)
    assert store.serving() is None
    store.write_serving(serving)
    assert store.serving() == serving
    assert store.releases() == []
    store.write_serving(None)
    assert store.serving() is None


def test_a_bucket_that_is_not_there_is_said(client: Any) -> None:
    with pytest.raises(DataError, match="no such bucket"):
        open_store("s3://nowhere-at-all/x").releases()


def test_a_release_whose_copy_was_interrupted_is_not_listed(tmp_path: Path, bundle: Bundle, report: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    store.put(bundle.release, bundle.folder, report)
    release = tmp_path / "store" / contract.KUBERNETES_NAME / bundle.release
    release.rename(release.with_name(f".{bundle.release}-abcd1234"))
    assert store.releases() == []
    store.put(bundle.release, bundle.folder, report)
    assert store.releases() == [bundle.release]


def test_a_release_that_is_a_link_to_another_disk_is_listed(tmp_path: Path, bundle: Bundle, report: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    store.put(bundle.release, bundle.folder, report)
    release = tmp_path / "store" / contract.KUBERNETES_NAME / bundle.release
    release.rename(tmp_path / "elsewhere")
    release.symlink_to(tmp_path / "elsewhere")
    assert store.releases() == [bundle.release]


def test_a_store_at_a_url_of_another_kind_is_refused() -> None:
    with pytest.raises(DataError, match="gs://bucket.* is not an S3 URL"):
        open_store("gs://bucket")
