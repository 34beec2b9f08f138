"""The model card, with the headings of Mitchell et al. 2019, https://arxiv.org/abs/1810.03993."""

from asl_pkg import contract
from asl_pkg.class_sets import NOTHING, describe_classes
from asl_pkg.config.schema import HandModel
from asl_pkg.models.hand.weights import PRETRAINED
from asl_pkg.validation.report_body import ExternalFigures, ReportBody


def model_card(body: ReportBody) -> str:
    """Describe the model for people who think of using it.

    Args:
        body: Contents of report.json.

    Returns:
        Markdown.
    """
    return f"""# Model card: {contract.MODEL_NAME}, release {body.release or "none"}

**{"Passed" if body.passed else "Refused"}:** {body.headline}.

## Model details
{_details(body)}

## Intended use
Names the letter of the American Sign Language alphabet that one hand shows in one still image, or `del`, `space` or
`nothing`.{_known(body)} For learning and demonstration. Not for interpreting American Sign Language, which is a
language of movement, face and grammar, and not where a wrong letter does harm. J and Z are movements: one frame stands
for each.

## Factors
Signer, handedness, skin, sleeve, light, camera and background change what the model sees. Figures below are over all
test images; the worst {_unit(body)} is given beside them. Accuracy by skin tone, age or handedness was not measured.

## Metrics
{_metrics(body)}

## Evaluation data
The test split of the data set {body.dataset_digest[:12]}, {_evaluation(body)}.

## Training data
The training split of {_trained_on(body)}.

## Quantitative analyses
{contract.REPORT_PAGE} has each class's recall, the confusion matrix, a reliability diagram and the worst mistakes.

## Ethical considerations
Images of hands can show who somebody is. The server keeps no images. A model that reads some people's hands worse
than others' excludes them: measure it on images of the people who will use it before you rely on it.

## Caveats and recommendations
{_caveat(body)} Below a confidence of {_threshold(body)} the answer is `unsure`: treat it as no answer.
"""


def _known(body: ReportBody) -> str:
    """The classes that the model knows, if it does not know all."""
    known = body.bundle.known_classes if body.bundle else contract.CLASSES
    if not (some := describe_classes(known)):
        return ""
    unasked = "" if NOTHING in known else " Scenes without a hand were not tested: it does not know `nothing`."
    return f" **It knows {some}.** It never answers with another class, whatever it is shown.{unasked}"


def _details(body: ReportBody) -> str:
    bundle = body.bundle
    if bundle is None:
        return "The bundle is damaged: nothing in it can be trusted."
    training = bundle.provenance.training
    settings = ", ".join(f"{name} {value}" for name, value in training.model.items())
    pretrained = ", ".join(
        f"{file.name} of {file.package} {file.version} ({file.licence}, SHA-256 {file.sha256})" for file in PRETRAINED
    )
    parts = f" Pretrained parts: {pretrained}." if training.model["name"] == HandModel.name else ""
    return (
        f"Convolutional network ({settings}), trained from commit {training.commit}, seed {training.seed}, "
        f"calibrated with temperature {bundle.temperature:.3f} (Guo et al. 2017), precision "
        f"{bundle.precision}. "
        f"Input: {bundle.image_px}x{bundle.image_px} RGB. Output: {len(bundle.classes)} probabilities.{parts}"
    )


def _metrics(body: ReportBody) -> str:
    metrics = body.metrics
    if metrics is None:
        return "Not measured."
    rows = [
        f"- {name}: {found.value:.1%} (95% interval {found.low:.1%} to {found.high:.1%}, resampled by {_unit(body)})"
        for name, found in (("Accuracy", metrics.accuracy), ("Macro F1", metrics.macro_f1))
    ]
    worst = metrics.worst_group
    rows.append(f"- Worst {_unit(body)}: {worst.name}, {worst.accuracy:.1%} of {worst.images} images")
    rows.append(f"- Expected calibration error: {metrics.calibration_error:.3f}; unsure: {metrics.unsure:.1%}")
    if body.external:
        rows.append(f"- Other people's images, {external_line(body.external)}")
    return "\n".join(rows)


def external_line(external: ExternalFigures) -> str:
    """Describe the results on other people's images in one line.

    Args:
        external: `external` of report.json.

    Returns:
        Origin, accuracy, interval and its unit, macro F1, and the number of unreadable files.
    """
    right, f1, unit = external.accuracy, external.macro_f1, external.unit
    few = f", too few {unit}s" if right.too_few_groups else ""
    broken = f", {len(external.broken):,} broken left out" if external.broken else ""
    others = external.unknown
    unknown = (
        f", {sum(others.values()):,} of classes that the model does not know ({', '.join(others)}) not scored"
        if others
        else ""
    )
    return (
        f"{external.source}: {right.value:.1%} of {external.images:,} read correctly (95% interval "
        f"{right.low:.1%} to {right.high:.1%}, resampled by {unit}{few}), macro F1 {f1.value:.1%} "
        f"({f1.low:.1%} to {f1.high:.1%}) over {len(external.counts)} classes{broken}{unknown}"
    )


def _unit(body: ReportBody) -> str:
    return str(body.data.split_by)


def _evaluation(body: ReportBody) -> str:
    if body.data.unseen_signers:
        drawn = f", {body.data.drawn_signers} of them synthetic" if body.data.drawn_signers else ""
        return f"with {body.data.signers} signers of whom training saw no image{drawn}"
    if body.data.split_by == "signer":
        return "with signers of whom training may have seen images"
    return "blocks of frames that training did not see, of the same signer"


def _trained_on(body: ReportBody) -> str:
    return f"the data set {body.bundle.dataset_digest[:12]}" if body.bundle else "an unknown data set"


def _caveat(body: ReportBody) -> str:
    if body.data.drawn_signers:
        return (
            "Synthetic hands are easier to read than photographs: measure it on photographs of people with "
            "`asl validate data.external=FOLDER`."
        )
    if body.data.unseen_signers:
        return "Accuracy may be lower with cameras, rooms and people other than those of the test images."
    return "One person's hands say little about another's: expect a far lower accuracy on strangers."


def _threshold(body: ReportBody) -> str:
    return f"{body.bundle.confidence_threshold:.2f}" if body.bundle else "the bundle's threshold"
