"""What is measured on a bundle that keeps the model contract: everything that the gates judge, and the pages show."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.bundle.store import champion, open_store
from asl_pkg.class_sets import labels_of
from asl_pkg.config.schema import Settings
from asl_pkg.data.dataset import DatasetInfo
from asl_pkg.data.sample import Source
from asl_pkg.errors import BundleError
from asl_pkg.inference.onnx_session import open_session
from asl_pkg.models import load_checkpoint
from asl_pkg.models.export_module import ExportModule
from asl_pkg.validation.answers import Answers, ask
from asl_pkg.validation.batch_invariance import greatest_change
from asl_pkg.validation.champion import Champion, champion_finding, compare_with_champion
from asl_pkg.validation.external import ExternalScore, score
from asl_pkg.validation.gate_specs import knows_nothing
from asl_pkg.validation.gates import GateInput, bounded, gate_inputs
from asl_pkg.validation.golden import GoldenSet, choose_golden_rows
from asl_pkg.validation.latency import latency_ratio
from asl_pkg.validation.measurements import Measurements, measure
from asl_pkg.validation.robustness import called_empty, letters_in_noise, stability, stratified
from asl_pkg.validation.thorough import thorough_parity
from asl_pkg.validation.triton_check import ask_triton
from asl_pkg.validation.variant import compare_with_fp32, variant_findings


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Args:
        found: what each gate judges.
        answers: to the test images.
        measured: on them.
        golden_rows: which of them are the golden set.
        champion: the release that serves, None before the first deployment.
        external: on other people's images, None where there are none.
    """

    found: dict[str, GateInput]
    answers: Answers
    measured: Measurements
    golden_rows: list[int]
    champion: Champion | None
    external: ExternalScore | None


def evaluate(
    settings: Settings,
    bundle: Bundle,
    checkpoint_path: Path,
    dataset_dir: Path,
    info: DatasetInfo,
    strangers: Source | None,
    champion_release: str | None,
) -> Evaluation:
    """Measure a bundle.

    Args:
        settings: those of `validate`.
        bundle: keeps the model contract.
        checkpoint_path: what it was made from.
        dataset_dir: the data set.
        info: what dataset.json says of it.
        strangers: other people's images, if any.
        champion_release: what the bundle is compared with, empty for nothing; None looks up what serves.

    Returns:
        The evidence.

    Raises:
        BundleError: there is no checkpoint, or the release that serves is damaged.
        DataError: the data set is not complete, or no image of other people's can be read.
    """
    session = open_session(bundle.model_path)
    served = ExportModule(load_checkpoint(checkpoint_path)).eval()
    resamples, seed = settings.validate.resamples, settings.seed
    answers = ask(session, served, dataset_dir, info, settings.data)
    measured = measure(
        answers.probabilities,
        answers.by_torch,
        answers.truth,
        answers.groups,
        bundle.confidence_threshold,
        resamples,
        seed,
    )
    if settings.validate.thorough:
        parity = thorough_parity(measured.parity, session, served, answers.pixels, seed)
        measured = replace(measured, parity=parity)
    before = _champion(settings, bundle, answers, champion_release)
    golden_rows = choose_golden_rows(answers.truth, answers.digests)
    golden = GoldenSet(np.asarray(answers.pixels[golden_rows]), answers.probabilities[golden_rows])
    source, known = settings.data.external, labels_of(bundle.known_classes)
    external = score(session, strangers.read(0), source, resamples, seed, known) if strangers else None
    found = gate_inputs(measured, info.split_by) | {
        "independence": GateInput(greatest_change(session, answers.pixels)),
        "champion": champion_finding(before, info.split_by),
        "triton": ask_triton(bundle, golden),
        "latency": GateInput(latency_ratio(bundle.model_path, served, answers.pixels[:1])),
    }
    found |= _behaviour(session, bundle, answers, seed)
    if bundle.precision != contract.FP32:
        found |= variant_findings(compare_with_fp32(bundle, served, answers, resamples, seed), info.split_by)
    if external:
        found["external"] = bounded(external.accuracy, external.unit)
    return Evaluation(found, answers, measured, golden_rows, before, external)


def _champion(settings: Settings, bundle: Bundle, answers: Answers, release: str | None) -> Champion | None:
    store = open_store(settings.store)
    if release is None:
        release = champion(store.serving(), bundle.release)
    if not release:
        return None
    try:
        with store.opened(release) as (folder, _):
            serving = open_bundle(folder)
            return compare_with_champion(serving, bundle, answers, settings.validate.resamples, settings.seed)
    except BundleError as error:
        raise BundleError(f"release {release} serves and cannot be compared with: {error}") from error


def _behaviour(
    session: onnxruntime.InferenceSession, bundle: Bundle, answers: Answers, seed: int
) -> dict[str, GateInput]:
    rows = stratified(answers.truth, seed)
    stable = stability(session, np.asarray(answers.pixels[rows]), answers.truth[rows])
    found = {"stability": GateInput(stable.share, f"worst of {stable.images} images: {stable.change}")}
    if knows_nothing(bundle.manifest):
        found["empty_scenes"] = GateInput(called_empty(session, seed))
        found["noise"] = GateInput(letters_in_noise(session, bundle.confidence_threshold, seed))
    return found
