"""Folders in S3: files under a prefix, each copied whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

from asl_pkg.errors import DataError
from asl_pkg.storage.s3 import s3_client, s3_errors_translated, split_url, upload
from asl_pkg.storage.safe_names import fault_of


class S3Folder:
    """The objects under a prefix, reached with the usual AWS_* variables.

    Args:
        url: s3://BUCKET/PREFIX.

    Raises:
        DataError: it is no such URL, or the AWS_* variables contradict one another.
    """

    def __init__(self, url: str) -> None:
        self.bucket, prefix = split_url(url)
        self.prefix = prefix.strip("/")
        self.client = s3_client()

    def url(self, name: str = "") -> str:
        """Where a file lies."""
        return f"s3://{self.bucket}/{self.key(name)}"

    def key(self, name: str) -> str:
        """The key of a file's object."""
        return f"{self.prefix}/{name}".lstrip("/")

    def names(self, folder: str = "") -> Iterator[str]:
        """Names of the files, of one folder or all.

        Raises:
            DataError: S3 refuses.
        """
        with s3_errors_translated(self.url(folder)):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.key(folder))
            for page in pages:
                yield from (item["Key"].removeprefix(self.key("")) for item in page.get("Contents", []))

    def read(self, name: str) -> bytes:
        """Read a file.

        Raises:
            DataError: S3 refuses.
        """
        with s3_errors_translated(self.url(name)):
            return bytes(self.client.get_object(Bucket=self.bucket, Key=self.key(name))["Body"].read())

    def upload(self, source: Path, name: str, last: str = "") -> None:
        """Upload a folder; what is there already is not sent again.

        Args:
            source: the folder.
            name: of the folder here.
            last: name of the file that goes last, and so tells that the others are there.

        Raises:
            DataError: S3 refuses.
        """
        paths = [path for path in source.rglob("*") if path.is_file()]
        for path in sorted(paths, key=lambda path: path.name == last):
            upload(self.client, path, self.bucket, self.key(f"{name}/{path.relative_to(source).as_posix()}"))

    def download(self, name: str, target: Path) -> None:
        """Download a folder.

        Args:
            name: of the folder here.
            target: gets its files.

        Raises:
            DataError: S3 refuses, or an object's name is none that a file may have.
        """
        for file in self.names(f"{name}/"):
            if fault := fault_of(file):
                raise DataError(f"s3://{self.bucket}/{self.prefix}/{ascii(file)} {fault}: remove it")
            path = target / file.removeprefix(f"{name}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            with s3_errors_translated(self.url(file)):
                self.client.download_file(self.bucket, self.key(file), str(path))

    def remove(self) -> None:
        """Remove every file.

        Raises:
            DataError: S3 refuses.
        """
        for name in list(self.names()):
            with s3_errors_translated(self.url(name)):
                self.client.delete_object(Bucket=self.bucket, Key=self.key(name))
