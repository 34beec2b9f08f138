"""The verb deploy: bundle and report -> a release that serves, tried before anything changes.

verify -> store, immutable -> candidate without users -> golden set and latency at its address -> switch, rollout
watched -> golden set again -> registry. What serves already is only asked again. On this machine and on Kubernetes
alike: `serving/places` knows the difference.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract, progress
from asl_pkg.bundle import signature
from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import Store, StoredRelease, list_releases
from asl_pkg.config.schema import Settings
from asl_pkg.deployment.canary_analysis import compare_canary, judge
from asl_pkg.deployment.choice import open_target
from asl_pkg.deployment.smoke_test import smoke_test
from asl_pkg.deployment.target import DeploymentTarget, NotRestoredError
from asl_pkg.errors import BundleError, GateError, ServingError, SettingError
from asl_pkg.lineage import tracking
from asl_pkg.validation.golden import GoldenSet, read_golden
from asl_pkg.validation.report import Report, read_report


@dataclass(frozen=True)
class Release:
    """A release that serves.

    Args:
        release: its name: the first digits of the model digest.
        uri: where it lies in the store.
        previous: the release that served before, None for the first.
        latency_ms: of one image where it serves, 95 of 100 times.
        version: in MLflow's registry, None where MLflow did not answer.
    """

    release: str
    uri: str
    previous: str | None
    latency_ms: float
    version: str | None


def deploy(settings: Settings, bundle_dir: Path, report_dir: Path) -> Release:
    """Make a validated bundle the release that serves; a failure on the way leaves what serves as it was.

    Args:
        settings: `store` says where releases lie and so where they serve, `deploy` how.
        bundle_dir: what export wrote.
        report_dir: what validate wrote about it.

    Returns:
        The release.

    Raises:
        BundleError: bundle or report is missing, damaged, or the report is on another bundle.
        GateError: the report did not let it pass, or compared it with another model than the one that serves.
        ServingError: the release is too large, does not start, or does not answer the golden set as validated.
        SettingError: signatures are demanded, and no public key is configured.
    """
    bundle, report = _open(bundle_dir, report_dir)
    place = _open_place(settings)
    before = place.serving()
    _check_champion(bundle, report, before)
    _store(place.store, bundle, report)
    with _stored(place.store, bundle.release) as (stored, stored_report):
        if stored.manifest.model_digest != bundle.manifest.model_digest:
            raise BundleError(f"{place.store.uri(bundle.release)} holds another model of that name: remove it first")
        return _serve(place, stored, stored_report, before, settings)


def rollback(settings: Settings, to: str = "") -> Release:
    """Make an earlier release serve again, in the same order and with the same checks.

    Args:
        settings: as for `deploy`.
        to: first digits of a release or of a bundle digest; empty takes what served before.

    Returns:
        The release.

    Raises:
        BundleError: the store has no such release, or what it has is damaged.
        ServingError: nothing served before, or the release does not start or answer as validated.
        SettingError: as for `deploy`.
    """
    place = _open_place(settings)
    before = place.serving()
    wanted = to or (before.previous if before else None)
    if not wanted:
        raise ServingError("nothing served before: `asl deploy --list` lists releases for --rollback=RELEASE")
    listed = list_releases(place.store, before)
    found = [one for one in listed if one.release.startswith(wanted) or one.bundle_digest.startswith(wanted)]
    if len(found) != 1:
        raise BundleError(f"{len(found)} releases in {settings.store} begin with {wanted}: `asl deploy --list`")
    with _stored(place.store, found[0].release) as (stored, report):
        return _serve(place, stored, report, before, settings)


def releases(settings: Settings) -> list[StoredRelease]:
    """List the releases in the store.

    Args:
        settings: as for `deploy`.

    Returns:
        Each with its digests and whether it serves.
    """
    place = open_target(settings)
    return list_releases(place.store, place.serving())


def manifest(settings: Settings, bundle_dir: Path, report_dir: Path) -> dict[str, Any]:
    """Give the InferenceService that deploy would apply, for kubectl and GitOps; nothing changes.

    Args:
        settings: as for `deploy`.
        bundle_dir: what export wrote.
        report_dir: what validate wrote about it.

    Returns:
        The complete object.

    Raises:
        BundleError: as for `deploy`.
        GateError: as for `deploy`.
        ServingError: a pod could not keep the bundle.
        SettingError: the store is a folder, so there is no InferenceService; or as for `deploy`.
    """
    bundle, report = _open(bundle_dir, report_dir)
    place = _open_place(settings)
    if not hasattr(place, "manifest"):
        raise SettingError(f"store={settings.store}: an InferenceService needs store=s3://BUCKET/PREFIX")
    before = place.serving()
    _check_champion(bundle, report, before)
    _check_room(place, bundle)
    if bundle.release in place.store.releases():
        with _stored(place.store, bundle.release) as (stored, stored_report):
            return place.manifest(_serving(stored, stored_report, before))
    return place.manifest(_serving(bundle, report, before))


def _open_place(settings: Settings) -> DeploymentTarget:
    """The place where something is to serve: one that demands signatures is not opened unless they are checked."""
    place = open_target(settings)
    if place.demands_signature():
        signature.require_public_key(f"namespace {settings.deploy.namespace}")
    return place


def _open(bundle_dir: Path, report_dir: Path) -> tuple[Bundle, Report]:
    """Bundle and report that belong together and passed."""
    bundle, report = open_bundle(bundle_dir), read_report(report_dir)
    if report.bundle_digest != bundle.digest:
        raise BundleError(
            f"the report in {report.folder} is on bundle {report.bundle_digest[:12]}, but {bundle.folder} is "
            f"{bundle.digest[:12]}: `asl validate` judges this one"
        )
    if not report.passed:
        raise GateError(f"{bundle.folder} is not fit to be served, gates failed: {', '.join(report.failed)}")
    return bundle, report


def _check_champion(bundle: Bundle, report: Report, before: Serving | None) -> None:
    """Refuse a report that compared the bundle with another model than the one that serves."""
    champion = before.bundle_digest if before else None
    if before and before.release == bundle.release:
        return  # it serves already: a step that is tried again
    if report.body.champion != champion:
        raise GateError(
            f"the report compared with {(report.body.champion or 'no model')[:12]}, but "
            f"{(champion or 'no model')[:12]} serves: `asl validate` compares with what serves"
        )


def _check_room(place: DeploymentTarget, bundle: Bundle) -> None:
    """Refuse a bundle that a server could not keep: Kubernetes evicts such a pod, perhaps after it has served."""
    room = place.storage_limit_bytes()
    if bundle.size > room:
        raise ServingError(
            f"release {bundle.release} has {bundle.size:,} bytes, but a pod may keep {room:,.0f}: raise "
            f"limits.ephemeral-storage of ServingRuntime {contract.SERVING_RUNTIME}"
        )


def _store(store: Store, bundle: Bundle, report: Report) -> None:
    """Put bundle and report into the store; a release that is there already stays as it is."""
    if bundle.release not in store.releases():
        progress.say(f"storing release {bundle.release} at {store.uri(bundle.release)}")
        store.put(bundle.release, bundle.folder, report.folder)


@contextmanager
def _stored(store: Store, release: str) -> Iterator[tuple[Bundle, Report]]:
    """A release as the store holds it, with the report that let it pass, every digest checked."""
    with store.opened(release) as (folder, reports):
        try:
            stored = _open(folder, reports)
            if stored[0].release != release:
                raise BundleError(f"it holds release {stored[0].release}")
        except (BundleError, GateError) as error:
            where = store.uri(release)
            raise BundleError(f"the store's copy is damaged: {error}; remove {where} and its report first") from error
        yield stored


def _serving(stored: Bundle, report: Report, before: Serving | None) -> Serving:
    """What serves once the release does."""
    previous = before.release if before else None
    if before and before.release == stored.release:
        previous = before.previous  # deployed again: going back must not lead to itself
    return Serving(stored.release, stored.digest, report.digest, previous)


def _serve(
    place: DeploymentTarget, stored: Bundle, report: Report, before: Serving | None, settings: Settings
) -> Release:
    """Let a release serve that was tried, and try it again where it serves, then tell the registry."""
    golden = read_golden(report.golden_folder)
    serving = _serving(stored, report, before)
    served = before.release if before else "nothing"
    with _or_else("what serves was not touched"):
        _check_room(place, stored)
    if serving == before:
        progress.say(f"release {served} serves already: asking it once more")
    else:
        _try(place, serving, before, golden, settings)
        progress.say(f"release {stored.release} is to serve instead of {served}")
    with _or_else(f"{served} serves again"), place.promote(serving, before) as urls:
        latency_ms = max(smoke_test(url, stored.release, golden, settings.deploy.latency_max_ms) for url in urls)
    uri = place.store.uri(stored.release)
    tags = {"release": stored.release, "bundle_digest": stored.digest, "dataset_digest": stored.dataset_digest}
    return Release(stored.release, uri, serving.previous, latency_ms, tracking.register(uri, tags))


def _try(
    place: DeploymentTarget, serving: Serving, before: Serving | None, golden: GoldenSet, settings: Settings
) -> None:
    """Try a release without users, and where the settings say so with a share of them."""
    with _or_else("what serves was not touched"):
        progress.say(f"trying release {serving.release} as a candidate without users")
        with place.candidate(serving) as urls:
            for url in urls:
                smoke_test(url, serving.release, golden, settings.deploy.latency_max_ms)
    if before and settings.deploy.canary_requests:
        with _or_else(f"{before.release} serves again"):
            _share(place, serving, before, golden.pixels, settings)


def _share(
    place: DeploymentTarget, serving: Serving, before: Serving, pixels: NDArray[np.uint8], settings: Settings
) -> None:
    """Let a canary share the users for a while, and compare it with what serves."""
    chosen = settings.deploy
    progress.say(f"release {serving.release} shares the users of {before.release} as a canary")
    with place.canary(serving, before) as (stable, canary):
        found = compare_canary(stable, canary, pixels, chosen.canary_requests, settings.seed)
        progress.say(found.summary)
        judge(found, chosen.canary_agreement_min, chosen.canary_slowdown_max)


@contextmanager
def _or_else(consequence: str) -> Iterator[None]:
    """Add to an error what it means for users."""
    try:
        yield
    except NotRestoredError:
        raise
    except ServingError as error:
        raise ServingError(f"{error}; {consequence}") from error
