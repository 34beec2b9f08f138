"""The model store: <store>/asl-model/<release>/, immutable, and serving.json, which names the release that serves."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from asl_pkg import contract
from asl_pkg.bundle.serving_state import Serving, parse_serving
from asl_pkg.storage import atomic, outputs

S3 = "s3://"


@dataclass(frozen=True)
class StoredRelease:
    """A release in the store.

    Args:
        release: Name of the release.
        bundle_digest: SHA-256 of its bundle.json.
        dataset_digest: Digest of the data set that it was trained on.
        role: `serves`, `previous` or empty.
    """

    release: str
    bundle_digest: str
    dataset_digest: str
    role: str


class Store(Protocol):
    """Where releases lie, each with the report that let it pass. A release is there whole or not at all."""

    def releases(self) -> list[str]:
        """The releases that are there."""

    def uri(self, release: str) -> str:
        """Where a release lies."""

    def put(self, release: str, bundle_dir: Path, report_dir: Path) -> None:
        """Store a release that is not there."""

    def manifest(self, release: str) -> bytes:
        """The bundle.json of a release."""

    def opened(self, release: str) -> AbstractContextManager[tuple[Path, Path]]:
        """Bundle and report of a release as folders, which may be read for as long as the context is open."""

    def serving(self) -> Serving | None:
        """What deploy last let serve from here, None before the first deploy."""

    def write_serving(self, serving: Serving | None) -> None:
        """Note what serves from here, None for nothing."""


class FolderStore:
    """A store on this machine.

    Args:
        root: the model store.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def releases(self) -> list[str]:
        """The releases that are there."""
        found = (self.root / contract.KUBERNETES_NAME).glob(f"[!.]*/{contract.BUNDLE_FILE}")
        return sorted(path.parent.name for path in found)

    def uri(self, release: str) -> str:
        """Where a release lies."""
        return release_folder(self.root, release).resolve().as_uri()

    def put(self, release: str, bundle_dir: Path, report_dir: Path) -> None:
        """Store a release that is not there."""
        # The report first: a release without one cannot be there, wherever this is interrupted.
        for source, place, kind in (
            (report_dir, report_folder, outputs.REPORT),
            (bundle_dir, release_folder, outputs.BUNDLE),
        ):
            with outputs.replaced(place(self.root, release), replace(kind, setting="store")) as beside:
                shutil.copytree(source, beside, dirs_exist_ok=True)

    def manifest(self, release: str) -> bytes:
        """The bundle.json of a release."""
        return (release_folder(self.root, release) / contract.BUNDLE_FILE).read_bytes()

    @contextmanager
    def opened(self, release: str) -> Iterator[tuple[Path, Path]]:
        """Bundle and report of a release as folders."""
        yield release_folder(self.root, release), report_folder(self.root, release)

    def serving(self) -> Serving | None:
        """What serves."""
        return read_serving(self.root)

    def write_serving(self, serving: Serving | None) -> None:
        """Make a release the one that serves."""
        write_serving(self.root, serving)


def open_store(address: str) -> Store:
    """Open the store that an address names.

    Args:
        address: a folder, or s3://BUCKET/PREFIX.

    Returns:
        The store.

    Raises:
        DataError: the AWS_* variables contradict one another.
    """
    if address.startswith(S3):
        from asl_pkg.bundle.s3_store import S3Store

        return S3Store(address)
    return FolderStore(Path(address))


def release_folder(store: Path, release: str) -> Path:
    """Where a release lies in the store."""
    return store / contract.KUBERNETES_NAME / release


def report_folder(store: Path, release: str) -> Path:
    """Where the report lies that let a release pass, golden set included."""
    return store / contract.KUBERNETES_NAME / f"{release}-report"


def read_serving(store: Path) -> Serving | None:
    """Read which release serves.

    Args:
        store: the model store.

    Returns:
        What serves, None before the first deploy.

    Raises:
        BundleError: serving.json is damaged.
    """
    path = store / contract.KUBERNETES_NAME / contract.SERVING_FILE
    return parse_serving(path.read_bytes(), str(path)) if path.is_file() else None


def write_serving(store: Path, serving: Serving | None) -> None:
    """Make a release the one that serves, in one step; None means that nothing serves."""
    path = store / contract.KUBERNETES_NAME / contract.SERVING_FILE
    if serving:
        atomic.write_json(path, asdict(serving))
    else:
        path.unlink(missing_ok=True)


def champion(serving: Serving | None, release: str) -> str:
    """Name the release that a new one has to be compared with.

    Args:
        serving: Release that serves, None before the first deploy.
        release: the new one.

    Returns:
        The release that serves, or the one before it where the new one serves already; empty for the first.
    """
    if serving is None:
        return ""
    return (serving.previous or "") if serving.release == release else serving.release


def serving_bundle(store: Path) -> Path | None:
    """The bundle of the release that serves, None before the first deploy."""
    serving = read_serving(store)
    return release_folder(store, serving.release) if serving else None


def list_releases(store: Store, serving: Serving | None) -> list[StoredRelease]:
    """List what a store holds.

    Args:
        store: the store.
        serving: Release that serves, None before the first deploy.

    Returns:
        Its releases.
    """
    roles = {serving.previous: "previous", serving.release: "serves"} if serving else {}
    listed = []
    for release in store.releases():
        manifest = store.manifest(release)
        digest = hashlib.sha256(manifest).hexdigest()
        listed.append(
            StoredRelease(release, digest, str(json.loads(manifest)["dataset_digest"]), roles.get(release, ""))
        )
    return listed
