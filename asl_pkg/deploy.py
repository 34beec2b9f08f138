"""The verb deploy: bundle and report -> a serving release, tested before anything changes.

verify -> immutable copy in the store -> candidate without user traffic -> golden set and latency -> switch, watch the
rollout -> golden set again -> model registry. A release that serves already is only tested again. The steps are the
same on this machine and on Kubernetes; `deployment/` has the differences.
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
from asl_pkg.deployment.canary_analysis import compare_canary, require_good_canary
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
        release: Name, the first digits of the model digest.
        uri: Address in the store.
        previous: Release that served before; None for the first.
        latency_ms: Latency of one image (95th percentile).
        version: Version in MLflow's registry; None if MLflow did not answer.
    """

    release: str
    uri: str
    previous: str | None
    latency_ms: float
    version: str | None


def deploy(settings: Settings, bundle_dir: Path, report_dir: Path) -> Release:
    """Deploy a validated bundle; after a failure the previous release still serves.

    Args:
        settings: `store` chooses store and target, `deploy` the options.
        bundle_dir: Bundle written by export.
        report_dir: Report on it, written by validate.

    Returns:
        The release.

    Raises:
        BundleError: Bundle or report is missing or damaged, or the report is on another bundle.
        GateError: A gate failed, or the report compares with another model than the serving one.
        ServingError: The release is too large, does not start, or does not answer the golden set as validated.
        SettingError: Signatures are required, and no public key is configured.
    """
    bundle, report = _open(bundle_dir, report_dir)
    target = _open_target(settings)
    before = target.serving()
    _check_champion(bundle, report, before)
    _store(target.store, bundle, report)
    with _stored(target.store, bundle.release) as (stored, stored_report):
        if stored.manifest.model_digest != bundle.manifest.model_digest:
            raise BundleError(f"{target.store.uri(bundle.release)} holds another model with this name: remove it first")
        return _serve(target, stored, stored_report, before, settings)


def rollback(settings: Settings, to: str = "") -> Release:
    """Deploy an earlier release again, with the same checks.

    Args:
        settings: As for `deploy`.
        to: First digits of a release or bundle digest; empty means the previous release.

    Returns:
        The release.

    Raises:
        BundleError: The store has no such release, or its copy is damaged.
        ServingError: There is no previous release, or the release does not start or answer as validated.
        SettingError: As for `deploy`.
    """
    target = _open_target(settings)
    before = target.serving()
    wanted = to or (before.previous if before else None)
    if not wanted:
        raise ServingError("there is no previous release: choose one from `asl deploy --list` with --rollback=RELEASE")
    listed = list_releases(target.store, before)
    found = [
        release for release in listed if release.release.startswith(wanted) or release.bundle_digest.startswith(wanted)
    ]
    if len(found) != 1:
        raise BundleError(
            f"{len(found)} releases in {settings.store} begin with {wanted}, expected 1: see `asl deploy --list`"
        )
    with _stored(target.store, found[0].release) as (stored, report):
        return _serve(target, stored, report, before, settings)


def releases(settings: Settings) -> list[StoredRelease]:
    """List the releases in the store.

    Args:
        settings: As for `deploy`.

    Returns:
        The releases, with digests and role.
    """
    target = open_target(settings)
    return list_releases(target.store, target.serving())


def manifest(settings: Settings, bundle_dir: Path, report_dir: Path) -> dict[str, Any]:
    """Give the InferenceService that deploy would apply, for kubectl or GitOps; nothing changes.

    Args:
        settings: As for `deploy`.
        bundle_dir: Bundle written by export.
        report_dir: Report on it, written by validate.

    Returns:
        The complete object.

    Raises:
        BundleError: As for `deploy`.
        GateError: As for `deploy`.
        ServingError: The bundle is too large for a pod.
        SettingError: The store is a folder, so there is no InferenceService; or as for `deploy`.
    """
    bundle, report = _open(bundle_dir, report_dir)
    target = _open_target(settings)
    if not hasattr(target, "manifest"):
        raise SettingError(f"store={settings.store}: an InferenceService needs store=s3://BUCKET/PREFIX")
    before = target.serving()
    _check_champion(bundle, report, before)
    _check_size(target, bundle)
    if bundle.release in target.store.releases():
        with _stored(target.store, bundle.release) as (stored, stored_report):
            return target.manifest(_serving(stored, stored_report, before))
    return target.manifest(_serving(bundle, report, before))


def _open_target(settings: Settings) -> DeploymentTarget:
    """Open the target; one that requires signatures needs a public key to check them."""
    target = open_target(settings)
    if target.demands_signature():
        signature.require_public_key(f"namespace {settings.deploy.namespace}")
    return target


def _open(bundle_dir: Path, report_dir: Path) -> tuple[Bundle, Report]:
    """Open a bundle and a report that belong together and passed."""
    bundle, report = open_bundle(bundle_dir), read_report(report_dir)
    if report.bundle_digest != bundle.digest:
        raise BundleError(
            f"the report in {report.folder} is on bundle {report.bundle_digest[:12]}, but {bundle.folder} is "
            f"{bundle.digest[:12]}: run `asl validate` on this bundle"
        )
    if not report.passed:
        raise GateError(f"{bundle.folder} was refused; failed gates: {', '.join(report.failed)}")
    return bundle, report


def _check_champion(bundle: Bundle, report: Report, before: Serving | None) -> None:
    """Refuse a report that compares the bundle with another model than the serving one."""
    champion = before.bundle_digest if before else None
    if before and before.release == bundle.release:
        return  # it serves already: the step runs a second time
    if report.body.champion != champion:
        raise GateError(
            f"the report compares with {(report.body.champion or 'no model')[:12]}, but "
            f"{(champion or 'no model')[:12]} serves: run `asl validate` again"
        )


def _check_size(target: DeploymentTarget, bundle: Bundle) -> None:
    """Refuse a bundle that is too large: Kubernetes would evict its pod, perhaps after the switch."""
    limit = target.storage_limit_bytes()
    if bundle.size > limit:
        raise ServingError(
            f"release {bundle.release} has {bundle.size:,} bytes, but a pod may store {limit:,.0f}: raise "
            f"limits.ephemeral-storage of ServingRuntime {contract.SERVING_RUNTIME}"
        )


def _store(store: Store, bundle: Bundle, report: Report) -> None:
    """Copy bundle and report to the store, unless the release is there already."""
    if bundle.release not in store.releases():
        progress.say(f"storing release {bundle.release} at {store.uri(bundle.release)}")
        store.put(bundle.release, bundle.folder, report.folder)


@contextmanager
def _stored(store: Store, release: str) -> Iterator[tuple[Bundle, Report]]:
    """Open a release and its report in the store; every digest is checked."""
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
    """The serving state after the deploy."""
    previous = before.release if before else None
    if before and before.release == stored.release:
        previous = before.previous  # deployed again: a rollback must not lead to the same release
    return Serving(stored.release, stored.digest, report.digest, previous)


def _serve(
    target: DeploymentTarget, stored: Bundle, report: Report, before: Serving | None, settings: Settings
) -> Release:
    """Test a release, switch to it, test it again, and register it."""
    golden = read_golden(report.golden_folder)
    serving = _serving(stored, report, before)
    served = before.release if before else "nothing"
    with _annotate_errors("the serving release was not changed"):
        _check_size(target, stored)
    if serving == before:
        progress.say(f"release {served} serves already: testing it again")
    else:
        _try(target, serving, before, golden, settings)
        progress.say(f"switching from {served} to release {stored.release}")
    with _annotate_errors(f"{served} serves again"), target.promote(serving, before) as urls:
        latency_ms = max(smoke_test(url, stored.release, golden, settings.deploy.latency_max_ms) for url in urls)
    uri = target.store.uri(stored.release)
    tags = {"release": stored.release, "bundle_digest": stored.digest, "dataset_digest": stored.dataset_digest}
    return Release(stored.release, uri, serving.previous, latency_ms, tracking.register(uri, tags))


def _try(
    target: DeploymentTarget, serving: Serving, before: Serving | None, golden: GoldenSet, settings: Settings
) -> None:
    """Test a release without user traffic, and as a canary if the settings ask for it."""
    with _annotate_errors("the serving release was not changed"):
        progress.say(f"testing release {serving.release} as a candidate without user traffic")
        with target.candidate(serving) as urls:
            for url in urls:
                smoke_test(url, serving.release, golden, settings.deploy.latency_max_ms)
    if before and settings.deploy.canary_requests:
        with _annotate_errors(f"{before.release} serves again"):
            _share(target, serving, before, golden.pixels, settings)


def _share(
    target: DeploymentTarget, serving: Serving, before: Serving, pixels: NDArray[np.uint8], settings: Settings
) -> None:
    """Let a canary share the traffic for a while, and compare it with the serving release."""
    chosen = settings.deploy
    progress.say(f"release {serving.release} shares the traffic of {before.release} as a canary")
    with target.canary(serving, before) as (stable, canary):
        found = compare_canary(stable, canary, pixels, chosen.canary_requests, settings.seed)
        progress.say(found.summary)
        require_good_canary(found, chosen.canary_agreement_min, chosen.canary_slowdown_max)


@contextmanager
def _annotate_errors(consequence: str) -> Iterator[None]:
    """Add to an error what serves now."""
    try:
        yield
    except NotRestoredError:
        raise
    except ServingError as error:
        raise ServingError(f"{error}; {consequence}") from error
