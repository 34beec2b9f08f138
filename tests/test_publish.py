"""Publishing to a strict S3 server over HTTP: a data set's own prefix, and the S3 remote of a DVC repository."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from asl_pkg import contract, publish
from asl_pkg.config.schema import DvcData, FolderData, S3Data, Settings
from asl_pkg.data.dataset import read_info, read_split
from asl_pkg.data.sample import Sample
from asl_pkg.data.sources import open_source
from asl_pkg.data_track import track_with_dvc
from asl_pkg.errors import DataError
from asl_pkg.pull import pull
from asl_pkg.storage.outputs import MARKER
from asl_pkg.storage.s3_folder import S3Folder
from tests.conftest import Asl
from tests.support.making import encoded, noise, public_folder
from tests.support.s3_server import s3_server


@pytest.fixture(scope="module")
def variables() -> Iterator[dict[str, str]]:
    with s3_server() as found:
        yield found


@pytest.fixture(autouse=True)
def environment(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "aws_config").touch()  # DVC reads it, and takes no device for a file
    for name, value in (variables | {"AWS_CONFIG_FILE": str(tmp_path / "aws_config")}).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def client() -> Any:
    return boto3.client("s3", config=Config(s3={"addressing_style": "path"}))


@pytest.fixture
def bucket(client: Any) -> str:
    name = f"asl-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    return name


def contents(dataset_dir: Path) -> dict[str, bytes]:
    """The files of a data set; the marker says of a folder here whose it is."""
    return {path.name: path.read_bytes() for path in dataset_dir.iterdir() if path.name != MARKER}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return public_folder(tmp_path_factory.mktemp("pictures"), 20)


@pytest.fixture(scope="module")
def dataset_dir(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset_dir = tmp_path_factory.mktemp("data") / "dataset"
    pull(Settings(data=FolderData(path=str(images), block_frames=4, guard_frames=0)), dataset_dir)
    return dataset_dir


def listing(client: Any, bucket: str, prefix: str = "") -> dict[str, bytes]:
    found = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {item["Key"]: client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in found}


def test_all_of_a_data_set_is_published_under_its_digest(client: Any, bucket: str, dataset_dir: Path) -> None:
    url = publish.publish(dataset_dir, f"s3://{bucket}/sets/")
    prefix = f"sets/{read_info(dataset_dir).digest[:12]}"
    assert url == f"s3://{bucket}/{prefix}"
    assert listing(client, bucket) == {f"{prefix}/{name}": data for name, data in contents(dataset_dir).items()}


def test_what_is_published_can_be_pulled_from_there(bucket: str, dataset_dir: Path, tmp_path: Path) -> None:
    url = publish.publish(dataset_dir, f"s3://{bucket}/sets")
    pulled = [item.data for item in open_source(S3Data(path=url), 7, tmp_path).read(0) if isinstance(item, Sample)]
    rows = [row for split in contract.SPLITS for row in read_split(dataset_dir, split, ["image"])["image"].to_pylist()]
    assert sorted(pulled) == sorted(row["bytes"] for row in rows)


def test_an_interrupted_upload_is_no_data_set_and_goes_on_later(
    client: Any, bucket: str, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_file, calls = S3Folder.put_file, []

    def interrupted(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        put_file(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(S3Folder, "put_file", interrupted)
        with pytest.raises(KeyboardInterrupt):
            publish.publish(dataset_dir, f"s3://{bucket}")
    first, second = sorted(listing(client, bucket))
    assert first.endswith(".parquet")
    kept = client.head_object(Bucket=bucket, Key=second)["LastModified"]
    client.put_object(Bucket=bucket, Key=first, Body=b"half")
    publish.publish(dataset_dir, f"s3://{bucket}")
    assert client.head_object(Bucket=bucket, Key=second)["LastModified"] == kept
    assert set(listing(client, bucket).values()) == set(contents(dataset_dir).values())


def test_what_is_published_is_never_written_to_again(
    client: Any, bucket: str, dataset_dir: Path, tmp_path: Path
) -> None:
    url = publish.publish(dataset_dir, f"s3://{bucket}/x")
    before = listing(client, bucket)
    shutil.copytree(dataset_dir, tmp_path / "copy")
    (tmp_path / "copy" / contract.AUDIT_PAGE).write_text("another")
    assert publish.publish(tmp_path / "copy", f"s3://{bucket}/x") == url
    assert listing(client, bucket) == before


@pytest.mark.parametrize("to", ["s3://asl-no-such-bucket/x", "bucket/x", "https://host/x", "s3://"])
def test_a_destination_that_is_none_is_refused_in_one_line(to: str) -> None:
    with pytest.raises(DataError, match=to) as refusal:
        publish.check_destination(to)
    assert "\n" not in str(refusal.value)


def test_a_wrong_destination_is_found_before_anything_is_pulled(asl: Asl) -> None:
    answer = asl("pull", "data=folder", "data.path=nowhere", "to=bucket/x")
    assert answer.returncode == 1
    assert "bucket/x" in answer.stderr
    assert "nowhere" not in answer.stderr


def test_pull_publishes_what_it_made(asl: Asl, client: Any, bucket: str, images: Path) -> None:
    settings = ("data=folder", f"data.path={images}", "data.block_frames=4", "data.guard_frames=0")
    answer = asl("pull", *settings, f"to=s3://{bucket}/sets")
    assert f"published to s3://{bucket}/sets/" in answer.stdout, answer.stderr
    assert any(key.endswith(contract.DATASET_FILE) for key in listing(client, bucket))


@pytest.fixture
def repository(bucket: str, tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git makes the repository: apt install git")
    from dvc.repo import Repo

    root = tmp_path / "repository"
    for number in range(3):
        file = root / f"data/letters/A/A{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(noise(number)))
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    with Repo.init(str(root)) as repo, repo.config.edit() as config:
        config["remote"] = {
            "team": {"url": f"s3://{bucket}/dvc", "endpointurl": os.environ["AWS_ENDPOINT_URL"]},
        }
        config["core"] = {"remote": "team"}
    tracked = track_with_dvc(root / "data/letters")
    assert tracked.name == "data/letters.dvc"
    identity = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"]
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "letters"], cwd=root, check=True)
    return root


def opened(repository: Path, tmp_path: Path) -> list[bytes]:
    settings = DvcData(path="data/letters", repository=repository.as_uri())
    return [item.data for item in open_source(settings, 7, tmp_path / "downloads").read(0)]


def test_a_colleague_pulls_what_was_tracked(repository: Path, tmp_path: Path) -> None:
    assert opened(repository, tmp_path) == [encoded(noise(number)) for number in range(3)]


def test_an_object_that_s3_damaged_or_lost_is_named(client: Any, bucket: str, repository: Path, tmp_path: Path) -> None:
    key = next(key for key, body in listing(client, bucket, "dvc/").items() if body == encoded(noise(1)))
    client.put_object(Bucket=bucket, Key=key, Body=b"damaged")
    with pytest.raises(DataError, match=r"A/A1\.jpg.*damaged"):
        opened(repository, tmp_path)
    client.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(DataError, match=r"A/A1\.jpg is not in"):
        opened(repository, tmp_path)
