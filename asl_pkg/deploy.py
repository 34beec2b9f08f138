"""The verb deploy: bundle and report -> a release in the model store that serves, tried before anything changes.

<store>/asl-model/<release>/          the bundle, immutable
<store>/asl-model/<release>-report/   the report that let it pass, golden set included
<store>/asl-model/serving.json        which release serves: written last, in one step
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asl_pkg import files, tracking
from asl_pkg.errors import BundleError, GateError, ServingError
from asl_pkg.serving.bundle import Bundle, open_bundle
from asl_pkg.serving.client import Client
from asl_pkg.serving.store import Serving, read_serving, release_folder, report_folder, write_serving
from asl_pkg.serving.triton import LocalTriton
from asl_pkg.validation.golden import Golden, read_golden
from asl_pkg.validation.report import Report, read_report

GOLDEN_TOLERANCE = 1e-4  # of a probability: Triton's ONNX Runtime is another version than the one that validated


@dataclass(frozen=True)
class Release:
    """A release that serves.

    Args:
        release: its name: the first digits of the model digest.
        folder: where it lies in the store.
        previous: the release that served before, None for the first.
        version: in MLflow's registry, None where MLflow did not answer.
    """

    release: str
    folder: Path
    previous: str | None
    version: str | None


def deploy(bundle_dir: Path, report_dir: Path, store: Path) -> Release:
    """Make a validated bundle the release that serves; a failure on the way leaves what serves untouched.

    Args:
        settings: as every step takes; none of them changes how a release is stored.
        bundle_dir: what export wrote.
        report_dir: what validate wrote about it.
        store: the model store.

    Returns:
        The release.

    Raises:
        BundleError: bundle or report is missing, damaged, or the report is on another bundle.
        GateError: the report did not let it pass.
        ServingError: a Triton started on the stored release does not answer the golden set as validated.
    """
    bundle = open_bundle(bundle_dir)
    report = read_report(report_dir)
    _check(bundle, report)
    stored, report = _store(bundle, report, store)
    _try_candidate(stored, read_golden(report.golden_folder))
    serving = _switch(stored, report, store)
    tags = {"release": stored.release, "bundle_digest": stored.digest, "dataset_digest": stored.dataset_digest}
    version = tracking.register(stored.folder.resolve().as_uri(), tags)
    return Release(stored.release, stored.folder, serving.previous, version)


def _check(bundle: Bundle, report: Report) -> None:
    """Refuse a report that is on another bundle or did not let it pass."""
    if report.bundle_digest != bundle.digest:
        raise BundleError(
            f"the report in {report.folder} is on bundle {report.bundle_digest[:12]}, but {bundle.folder} is "
            f"{bundle.digest[:12]}: `asl validate` judges this one"
        )
    if not report.passed:
        raise GateError(f"{bundle.folder} is not fit to be served, gates failed: {', '.join(report.failed)}")


def _store(bundle: Bundle, report: Report, store: Path) -> tuple[Bundle, Report]:
    """Put bundle and report into the store; a release that is there already stays as it is, if it is the same model."""
    folder, reports = release_folder(store, bundle.release), report_folder(store, bundle.release)
    if not folder.exists():
        # The report first: a release without one cannot be there, wherever this is interrupted.
        for source, target in ((report.folder, reports), (bundle.folder, folder)):
            with files.written_beside(target) as beside:
                shutil.copytree(source, beside, dirs_exist_ok=True)
    try:
        stored, stored_report = open_bundle(folder), read_report(reports)
        _check(stored, stored_report)
    except (BundleError, GateError) as error:
        raise BundleError(f"the store's copy is damaged: {error}; remove {folder} and {reports} first") from error
    if stored.manifest["model_digest"] != bundle.manifest["model_digest"]:
        raise BundleError(f"{folder} holds another model of the same release name: remove it first")
    return stored, stored_report


def _try_candidate(stored: Bundle, golden: Golden) -> None:
    """Start a Triton of its own on the stored release and ask it for the golden set."""
    with LocalTriton(stored) as candidate:
        client = Client(candidate.http_url)
        try:
            answers = client.predict(golden.pixels)
        finally:
            client.close()
    difference = np.abs(answers - golden.probabilities).max(axis=1)
    if (wrong := int((difference > GOLDEN_TOLERANCE).sum())) > 0:
        raise ServingError(
            f"Triton answers {wrong} of {len(difference)} golden pictures otherwise than validated (probabilities "
            f"differ by up to {difference.max():.2g}): what serves was not touched; `make install` mends Triton"
        )


def _switch(stored: Bundle, report: Report, store: Path) -> Serving:
    """Make the release the one that serves."""
    before = read_serving(store)
    previous = before.release if before else None
    if before and before.release == stored.release:
        previous = before.previous  # deployed again: going back must not lead to itself
    serving = Serving(stored.release, stored.digest, report.digest, previous)
    write_serving(store, serving)
    return serving
