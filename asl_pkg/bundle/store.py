"""The model store: <store>/asl-model/<release>/, immutable, and serving.json, which names the release that serves."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from asl_pkg import contract
from asl_pkg.bundle.serving_state import Serving, parse_serving
from asl_pkg.storage import outputs
from asl_pkg.storage.folder import Folder, open_folder


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


class Store:
    """Releases, each with the report that it passed with. An incomplete release is never visible.

    Args:
        folder: Folder with a sub-folder for each release and each report.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def releases(self) -> list[str]:
        """Names of the releases."""
        ends = f"/{contract.BUNDLE_FILE}"
        found = (name.removesuffix(ends) for name in self.folder.names() if name.endswith(ends))
        return sorted(name for name in found if "/" not in name)

    def uri(self, release: str) -> str:
        """Address of a release."""
        return self.folder.folder_uri(release)

    def put(self, release: str, bundle_dir: Path, report_dir: Path) -> None:
        """Store a release; an existing one stays as it is."""
        if self.folder.has(f"{release}/{contract.BUNDLE_FILE}"):
            return
        # The report first: a release without one cannot be there, wherever this is interrupted.
        report, bundle = (replace(kind, setting="store") for kind in (outputs.REPORT, outputs.BUNDLE))
        self.folder.put_folder(report_dir, f"{release}-report", report)
        self.folder.put_folder(bundle_dir, release, bundle, last=contract.BUNDLE_FILE)

    def manifest(self, release: str) -> bytes:
        """The bundle.json of a release."""
        return self.folder.read(f"{release}/{contract.BUNDLE_FILE}")

    @contextmanager
    def opened(self, release: str) -> Iterator[tuple[Path, Path]]:
        """Bundle and report of a release as folders, readable until the context ends."""
        with self.folder.opened(release, f"{release}-report") as (bundle_dir, report_dir):
            yield bundle_dir, report_dir

    def serving(self) -> Serving | None:
        """The release that deploy last promoted here; None before the first. An InferenceService has the last word.

        Raises:
            BundleError: serving.json is damaged.
        """
        if not self.folder.has(contract.SERVING_FILE):
            return None
        return parse_serving(self.folder.read(contract.SERVING_FILE), self.folder.url(contract.SERVING_FILE))

    def write_serving(self, serving: Serving | None) -> None:
        """Record the serving release atomically; None for nothing."""
        if serving:
            self.folder.write_text(contract.SERVING_FILE, json.dumps(asdict(serving), indent=2) + "\n")
        else:
            self.folder.remove_file(contract.SERVING_FILE)


def open_store(address: str) -> Store:
    """Open the store that an address names.

    Args:
        address: A folder, or s3://BUCKET/PREFIX.

    Returns:
        The store.

    Raises:
        DataError: It is a URL of another kind, or the AWS_* variables contradict one another.
    """
    return Store(open_folder(address, contract.KUBERNETES_NAME))


def release_folder(store: Path, release: str) -> Path:
    """Folder of a release in the store."""
    return store / contract.KUBERNETES_NAME / release


def report_folder(store: Path, release: str) -> Path:
    """Folder of the report that a release passed with, golden set included."""
    return store / contract.KUBERNETES_NAME / f"{release}-report"


def champion(serving: Serving | None, release: str) -> str:
    """Name the release with which a new one has to be compared.

    Args:
        serving: Serving release; None before the first deploy.
        release: New release.

    Returns:
        The serving release, or the previous one if the new one already serves; empty for the first.
    """
    if serving is None:
        return ""
    return (serving.previous or "") if serving.release == release else serving.release


def serving_bundle(store: Path) -> Path | None:
    """The bundle of the serving release; None before the first deploy."""
    serving = open_store(str(store)).serving()
    return release_folder(store, serving.release) if serving else None


def list_releases(store: Store, serving: Serving | None) -> list[StoredRelease]:
    """List what a store holds.

    Args:
        store: The store.
        serving: Serving release; None before the first deploy.

    Returns:
        The releases.
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
