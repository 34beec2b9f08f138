"""The model store in S3: the same folders under s3://BUCKET/PREFIX/asl-model/, uploaded whole or not at all."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asl_pkg import contract
from asl_pkg.data.sources.names import fault_of
from asl_pkg.data.sources.s3_client import connect, explained, metadata, split_url, upload
from asl_pkg.errors import BundleError
from asl_pkg.serving.store import Serving, parse_serving


class S3Store:
    """A store in S3, reached with the usual AWS_* variables.

    Args:
        url: s3://BUCKET/PREFIX.

    Raises:
        DataError: it is no such URL, or the AWS_* variables contradict one another.
    """

    def __init__(self, url: str) -> None:
        self.bucket, prefix = split_url(url)
        self.prefix = "/".join(filter(None, [prefix.strip("/"), contract.KUBERNETES_NAME]))
        self._client = connect()

    def releases(self) -> list[str]:
        """The releases that are there."""
        ends = f"/{contract.BUNDLE_FILE}"
        found = (key.removesuffix(ends) for key in self._keys("") if key.endswith(ends))
        return sorted(name for name in found if "/" not in name)

    def uri(self, release: str) -> str:
        """Where a release lies, with a slash at the end: without it KServe would also take `<release>-report`."""
        return f"s3://{self.bucket}/{self.prefix}/{release}/"

    def put(self, release: str, bundle_dir: Path, report_dir: Path) -> None:
        """Store a release that is not there; bundle.json goes last and tells that the release is whole."""
        if metadata(self._client, self.bucket, f"{self.prefix}/{release}/{contract.BUNDLE_FILE}"):
            return
        self._upload(report_dir, f"{release}-report")
        self._upload(bundle_dir, release)

    def manifest(self, release: str) -> bytes:
        """The bundle.json of a release."""
        return self._get(f"{release}/{contract.BUNDLE_FILE}")

    @contextmanager
    def opened(self, release: str) -> Iterator[tuple[Path, Path]]:
        """Bundle and report of a release as folders: copies, which go with the context."""
        with tempfile.TemporaryDirectory(prefix="asl-release-") as folder:
            copies = Path(folder, release), Path(folder, f"{release}-report")
            for copy in copies:
                self._download(copy)
            yield copies

    def serving(self) -> Serving | None:
        """What deploy last let serve from here; on Kubernetes the InferenceService has the last word."""
        return parse_serving(self._get(contract.SERVING_FILE), self._url) if self._noted() else None

    def write_serving(self, serving: Serving | None) -> None:
        """Note what serves from here, for those who may read the store and not the cluster: validate does."""
        where = {"Bucket": self.bucket, "Key": f"{self.prefix}/{contract.SERVING_FILE}"}
        with explained(self._url):
            if serving:
                self._client.put_object(Body=json.dumps(asdict(serving)).encode(), **where)
            else:
                self._client.delete_object(**where)

    @property
    def _url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}/{contract.SERVING_FILE}"

    def _noted(self) -> bool:
        return metadata(self._client, self.bucket, f"{self.prefix}/{contract.SERVING_FILE}") is not None

    def _keys(self, folder: str) -> Iterator[str]:
        """Names of the objects under a folder, without our prefix."""
        prefix = f"{self.prefix}/{folder}"
        with explained(f"s3://{self.bucket}/{prefix}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                yield from (one["Key"].removeprefix(f"{self.prefix}/") for one in page.get("Contents", []))

    def _get(self, name: str) -> bytes:
        key = f"{self.prefix}/{name}"
        with explained(f"s3://{self.bucket}/{key}"):
            body: Any = self._client.get_object(Bucket=self.bucket, Key=key)["Body"]
            return bytes(body.read())

    def _upload(self, folder: Path, name: str) -> None:
        paths = [path for path in folder.rglob("*") if path.is_file()]
        for path in sorted(paths, key=lambda path: path.name == contract.BUNDLE_FILE):
            upload(self._client, path, self.bucket, f"{self.prefix}/{name}/{path.relative_to(folder).as_posix()}")

    def _download(self, folder: Path) -> None:
        for name in self._keys(f"{folder.name}/"):
            if fault := fault_of(name):
                raise BundleError(f"s3://{self.bucket}/{self.prefix}/{ascii(name)} {fault}: remove it")
            path = folder.parent / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._get(name))
