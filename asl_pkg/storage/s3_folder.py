"""A folder in S3: the objects under a prefix. Whatever this package reads from S3 or writes there goes through it."""

import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from botocore import exceptions

from asl_pkg.errors import DataError
from asl_pkg.storage.atomic import sha256
from asl_pkg.storage.download import DOWNLOAD_CHUNK_BYTES, HttpPart
from asl_pkg.storage.outputs import OutputKind
from asl_pkg.storage.s3 import s3_client, s3_errors_translated, split_url
from asl_pkg.storage.safe_names import fault_of


@dataclass(frozen=True)
class S3Object:
    """An object in a listing.

    Args:
        name: Key without the folder's prefix.
        etag: ETag, which changes with the contents.
        size_bytes: Size in bytes.
    """

    name: str
    etag: str
    size_bytes: int


class S3Folder:
    """The objects under a prefix, reached with the usual AWS_* variables.

    Args:
        bucket: Name of the bucket.
        prefix: Prefix of the keys, without the slash after it; empty for the whole bucket.

    Raises:
        DataError: The AWS_* variables contradict one another.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self.client = s3_client()

    @classmethod
    def open(cls, url: str) -> "S3Folder":
        """Open the folder that a URL names.

        Args:
            url: s3://BUCKET/PREFIX; slashes around the prefix do not matter.

        Returns:
            The folder, which need not exist yet.

        Raises:
            DataError: It is not an S3 URL, or the AWS_* variables contradict one another.
        """
        bucket, prefix = split_url(url)
        return cls(bucket, prefix.strip("/"))

    def url(self, name: str = "") -> str:
        """URL of a file."""
        return f"s3://{self.bucket}/{self.key(name)}"

    def key(self, name: str) -> str:
        """Key of a file's object."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def folder_uri(self, name: str) -> str:
        """URL of a sub-folder, with a slash at its end: without it KServe would also take `<name>-report`."""
        return self.url(f"{name}/")

    def require(self) -> None:
        """Refuse a bucket that does not exist or may not be used.

        Raises:
            DataError: Says so.
        """
        with s3_errors_translated(self.url().rstrip("/")):
            self.client.head_bucket(Bucket=self.bucket)

    def objects(self, folder: str = "") -> Iterator[S3Object]:
        """List the objects of a sub-folder, or all.

        Args:
            folder: Name of the sub-folder, with a slash at its end.

        Yields:
            The objects, in the order of their keys.

        Raises:
            DataError: S3 refuses.
        """
        with s3_errors_translated(self.url(folder)):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.key(folder))
            for page in pages:
                for found in page.get("Contents", []):
                    yield S3Object(found["Key"].removeprefix(self.key("")), found["ETag"], found["Size"])

    def names(self, folder: str = "") -> Iterator[str]:
        """Names of the files in a sub-folder, or of all.

        Raises:
            DataError: S3 refuses.
        """
        return (found.name for found in self.objects(folder))

    def has(self, name: str) -> bool:
        """Whether there is such a file.

        Raises:
            DataError: S3 refuses.
        """
        return self._stored(name) is not None

    def read(self, name: str, etag: str = "") -> bytes:
        """Read a file.

        Args:
            name: Name of the file.
            etag: ETag of the expected contents; empty accepts any.

        Returns:
            Its contents.

        Raises:
            BrokenConnectionError: The connection broke.
            DataError: S3 refuses, or the contents changed.
        """
        with s3_errors_translated(self.url(name)):
            wanted = {"IfMatch": etag} if etag else {}
            return bytes(self.client.get_object(Bucket=self.bucket, Key=self.key(name), **wanted)["Body"].read())

    @contextmanager
    def part(self, name: str, start: int, etag: str) -> Iterator[HttpPart]:
        """Open a file for `storage.download`.

        Args:
            name: Name of the file.
            start: First byte wanted, if the contents are unchanged.
            etag: ETag of the contents of which the caller has a part; empty for none.

        Yields:
            The file from that byte on, or all of it.

        Raises:
            BrokenConnectionError: The connection broke.
            DataError: S3 refuses.
        """
        with s3_errors_translated(self.url(name)):
            head = self.client.head_object(Bucket=self.bucket, Key=self.key(name))
            found, size = head["ETag"], head["ContentLength"]
            if found != etag or start > size:
                start = 0
            if start == size:
                yield HttpPart(start, size, found, iter(()))
                return
            body = self.client.get_object(
                Bucket=self.bucket, Key=self.key(name), IfMatch=found, Range=f"bytes={start}-"
            )["Body"]
            yield HttpPart(start, size, found, body.iter_chunks(DOWNLOAD_CHUNK_BYTES))

    def write_text(self, name: str, text: str) -> None:
        """Write a text file in one step.

        Raises:
            DataError: S3 refuses.
        """
        with s3_errors_translated(self.url(name)):
            self.client.put_object(Bucket=self.bucket, Key=self.key(name), Body=text.encode())

    def fetch_file(self, name: str, target: Path) -> None:
        """Download a file.

        Raises:
            DataError: S3 refuses.
        """
        with s3_errors_translated(self.url(name)):
            self.client.download_file(self.bucket, self.key(name), str(target))

    def put_file(self, source: Path, name: str) -> None:
        """Upload a file in one step, unless the same file is already there.

        Raises:
            DataError: S3 refuses.
        """
        digest = sha256(source)
        if self._stored(name) == (source.stat().st_size, digest):
            return
        with s3_errors_translated(self.url(name)), source.open("rb") as file:
            self.client.put_object(
                Bucket=self.bucket,
                Key=self.key(name),
                Body=file,
                Metadata={"sha256": digest},
                # The server refuses bytes with another checksum.
                ChecksumSHA256=base64.b64encode(bytes.fromhex(digest)).decode(),
            )

    def remove_file(self, name: str) -> None:
        """Remove a file, if there is one.

        Raises:
            DataError: S3 refuses.
        """
        with s3_errors_translated(self.url(name)):
            self.client.delete_object(Bucket=self.bucket, Key=self.key(name))

    def put_folder(self, source: Path, name: str, kind: OutputKind, last: str = "") -> None:
        """Upload a folder file by file, whatever its kind.

        Args:
            source: The folder.
            name: Its name here.
            kind: What it holds.
            last: Name of the file that is uploaded last, as a sign that the folder is complete.

        Raises:
            DataError: S3 refuses.
        """
        self.upload(source, name, last)

    @contextmanager
    def opened(self, *names: str) -> Iterator[list[Path]]:
        """Copies of the sub-folders, removed when the context ends.

        Raises:
            DataError: S3 refuses.
        """
        with tempfile.TemporaryDirectory(prefix="asl-s3-") as scratch:
            copies = [Path(scratch, name) for name in names]
            for name, copy in zip(names, copies, strict=True):
                self.download(name, copy)
            yield copies

    def upload(self, source: Path, name: str, last: str = "") -> None:
        """Upload a folder; files that are already there are not sent again.

        Args:
            source: The folder.
            name: Its name here.
            last: Name of the file that is uploaded last, as a sign that the folder is complete.

        Raises:
            DataError: S3 refuses.
        """
        paths = [path for path in source.rglob("*") if path.is_file()]
        for path in sorted(paths, key=lambda path: path.name == last):
            self.put_file(path, f"{name}/{path.relative_to(source).as_posix()}")

    def download(self, name: str, target: Path) -> None:
        """Download a folder.

        Args:
            name: Its name here.
            target: Folder for the files.

        Raises:
            DataError: S3 refuses, or an object has a name that no file may have.
        """
        for file in self.names(f"{name}/"):
            if fault := fault_of(file):
                raise DataError(f"s3://{self.bucket}/{self.prefix}/{ascii(file)} {fault}: remove it")
            path = target / file.removeprefix(f"{name}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            self.fetch_file(file, path)

    def remove(self) -> None:
        """Remove every file.

        Raises:
            DataError: S3 refuses.
        """
        for name in list(self.names()):
            self.remove_file(name)

    def _stored(self, name: str) -> tuple[int, str] | None:
        """Size and SHA-256 of an object that `put_file` wrote; None if there is none."""
        with s3_errors_translated(self.url(name)):
            try:
                head = self.client.head_object(Bucket=self.bucket, Key=self.key(name))
            except exceptions.ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    return None
                raise
        return head["ContentLength"], head["Metadata"].get("sha256", "")
