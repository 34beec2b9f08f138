"""The model store in S3: the same folders under s3://BUCKET/PREFIX/asl-model/, uploaded whole or not at all."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from asl_pkg import contract
from asl_pkg.bundle.serving_state import Serving, parse_serving
from asl_pkg.storage.folder import S3Folder
from asl_pkg.storage.s3 import explained, metadata


class S3Store:
    """A store in S3, reached with the usual AWS_* variables.

    Args:
        url: s3://BUCKET/PREFIX.

    Raises:
        DataError: it is not such a URL, or the AWS_* variables contradict one another.
    """

    def __init__(self, url: str) -> None:
        self.folder = S3Folder(f"{url.rstrip('/')}/{contract.KUBERNETES_NAME}")

    def releases(self) -> list[str]:
        """The releases that are there."""
        ends = f"/{contract.BUNDLE_FILE}"
        found = (key.removesuffix(ends) for key in self.folder.names() if key.endswith(ends))
        return sorted(name for name in found if "/" not in name)

    def uri(self, release: str) -> str:
        """Where a release lies, with a slash at the end: without it KServe would also take `<release>-report`."""
        return self.folder.url(f"{release}/")

    def put(self, release: str, bundle_dir: Path, report_dir: Path) -> None:
        """Store a release that is not there; bundle.json goes last and marks the release as complete."""
        if self._has(f"{release}/{contract.BUNDLE_FILE}"):
            return
        self.folder.upload(report_dir, f"{release}-report")
        self.folder.upload(bundle_dir, release, last=contract.BUNDLE_FILE)

    def manifest(self, release: str) -> bytes:
        """The bundle.json of a release."""
        return self.folder.read(f"{release}/{contract.BUNDLE_FILE}")

    @contextmanager
    def opened(self, release: str) -> Iterator[tuple[Path, Path]]:
        """Bundle and report of a release as folders: copies, which go with the context."""
        with tempfile.TemporaryDirectory(prefix="asl-release-") as folder:
            copies = Path(folder, release), Path(folder, f"{release}-report")
            for copy in copies:
                self.folder.download(copy.name, copy)
            yield copies

    def serving(self) -> Serving | None:
        """What deploy last let serve from here; on Kubernetes the InferenceService has the last word."""
        if not self._has(contract.SERVING_FILE):
            return None
        return parse_serving(self.folder.read(contract.SERVING_FILE), self.folder.url(contract.SERVING_FILE))

    def write_serving(self, serving: Serving | None) -> None:
        """Note what serves from here, for those who may read the store and not the cluster: validate does."""
        where = {"Bucket": self.folder.bucket, "Key": self.folder.key(contract.SERVING_FILE)}
        with explained(self.folder.url(contract.SERVING_FILE)):
            if serving:
                self.folder.client.put_object(Body=json.dumps(asdict(serving)).encode(), **where)
            else:
                self.folder.client.delete_object(**where)

    def _has(self, name: str) -> bool:
        return metadata(self.folder.client, self.folder.bucket, self.folder.key(name)) is not None
