"""The model store: <store>/asl-model/<release>/, immutable, and serving.json, which names the release that serves."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from asl_pkg import contract, files
from asl_pkg.errors import BundleError


@dataclass(frozen=True)
class Serving:
    """What serves.

    Args:
        release: first digits of the model digest.
        bundle_digest: SHA-256 of its bundle.json.
        report_digest: SHA-256 of the report that let it pass.
        previous: the release that served before, None for the first.
    """

    release: str
    bundle_digest: str
    report_digest: str
    previous: str | None


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
    if not path.is_file():
        return None
    try:
        return Serving(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise BundleError(f"{path} is damaged ({error}): `asl deploy` writes a new one") from error


def write_serving(store: Path, serving: Serving) -> None:
    """Make a release the one that serves, in one step."""
    files.write_json(store / contract.KUBERNETES_NAME / contract.SERVING_FILE, asdict(serving))


def serving_bundle(store: Path) -> Path | None:
    """The bundle of the release that serves, None before the first deploy."""
    serving = read_serving(store)
    return release_folder(store, serving.release) if serving else None
