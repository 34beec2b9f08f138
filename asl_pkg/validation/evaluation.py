"""All measurements on a bundle that keeps the model contract, for the gates and the pages."""

from dataclasses import dataclass

import numpy as np

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.bundle.store import champion, open_store
from asl_pkg.class_sets import labels_of
from asl_pkg.data.dataset import DatasetInfo
from asl_pkg.data.sample import Source
from asl_pkg.errors import BundleError
from asl_pkg.validation.answers import Answers
from asl_pkg.validation.batch_invariance import greatest_change
from asl_pkg.validation.champion import Champion, champion_finding, compare_with_champion
from asl_pkg.validation.context import EvaluationContext
from asl_pkg.validation.external import ExternalScore, score
from asl_pkg.validation.gate_specs import knows_nothing
from asl_pkg.validation.gates import GateInput, bounded, gate_inputs
from asl_pkg.validation.golden import GoldenSet, choose_golden_rows
from asl_pkg.validation.latency import latency_ratio
from asl_pkg.validation.measurements import Measurements, measure_test_images
from asl_pkg.validation.report_body import Gate
from asl_pkg.validation.robustness import called_empty, letters_in_noise, stability, stratified
from asl_pkg.validation.triton_check import ask_triton
from asl_pkg.validation.variant import compare_with_fp32, variant_findings


@dataclass(frozen=True)
class Evaluation:
    """The measurements.

    Args:
        found: Input of each gate, by name.
        answers: Answers to the test images.
        measured: Figures on the test images.
        golden_rows: Positions of the golden set among the test images.
        champion: Comparison with the serving release; None before the first deployment.
        external: Figures on other people's images; None if there are none.
    """

    found: dict[str, GateInput]
    answers: Answers
    measured: Measurements
    golden_rows: list[int]
    champion: Champion | None
    external: ExternalScore | None


@dataclass(frozen=True)
class Judgement:
    """Verdicts on a bundle, and the measurements behind them.

    Args:
        info: Contents of dataset.json.
        bundle: The bundle; None if its files are not the exported ones.
        gates: Verdict of each gate.
        evaluation: The measurements; None if the model could not be run.
    """

    info: DatasetInfo
    bundle: Bundle | None
    gates: list[Gate]
    evaluation: Evaluation | None


def evaluate(context: EvaluationContext, strangers: Source | None, champion_release: str | None) -> Evaluation:
    """Measure a bundle.

    Args:
        context: Bundle, network and answers.
        strangers: Other people's images, if any.
        champion_release: Release to compare with; empty for none; None means the serving release.

    Returns:
        The measurements.

    Raises:
        BundleError: The serving release is damaged.
        DataError: None of the other people's images can be read.
    """
    session, bundle, answers = context.session, context.bundle, context.answers
    unit = context.info.split_by
    measured = measure_test_images(context)
    before = _champion(context, champion_release)
    golden_rows = choose_golden_rows(answers.truth, answers.digests)
    golden = GoldenSet(np.asarray(answers.pixels[golden_rows]), answers.probabilities[golden_rows])
    external = _external(context, strangers) if strangers else None
    found = gate_inputs(measured, unit) | {
        "independence": GateInput(greatest_change(session, answers.pixels)),
        "champion": champion_finding(before, unit),
        "triton": ask_triton(bundle, golden),
        "latency": GateInput(latency_ratio(context.single_thread_session, context.served, answers.pixels[:1])),
    }
    found |= _robustness(context)
    if bundle.precision != contract.FP32:
        found |= variant_findings(compare_with_fp32(context), unit)
    if external:
        found["external"] = bounded(external.accuracy, external.unit)
    return Evaluation(found, answers, measured, golden_rows, before, external)


def _champion(context: EvaluationContext, release: str | None) -> Champion | None:
    store = open_store(context.settings.store)
    if release is None:
        release = champion(store.serving(), context.bundle.release)
    if not release:
        return None
    try:
        with store.opened(release) as (folder, _):
            return compare_with_champion(open_bundle(folder), context)
    except BundleError as error:
        raise BundleError(f"cannot compare with the serving release {release}: {error}") from error


def _external(context: EvaluationContext, strangers: Source) -> ExternalScore:
    source, known = context.settings.data.external, labels_of(context.bundle.known_classes)
    return score(context.session, strangers.read(0), source, context.resamples, context.seed, known)


def _robustness(context: EvaluationContext) -> dict[str, GateInput]:
    session, answers, seed = context.session, context.answers, context.seed
    rows = stratified(answers.truth, seed)
    stable = stability(session, np.asarray(answers.pixels[rows]), answers.truth[rows])
    found = {"stability": GateInput(stable.share, f"worst of {stable.images} images: {stable.change}")}
    if knows_nothing(context.bundle.manifest):
        found["empty_scenes"] = GateInput(called_empty(session, seed))
        found["noise"] = GateInput(letters_in_noise(session, context.bundle.confidence_threshold, seed))
    return found
