"""The verb validate: measure the exported bundle on images that training never saw, and let the gates decide."""

from pathlib import Path

from asl_pkg import contract
from asl_pkg.bundle import signature
from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.config.schema import Settings
from asl_pkg.data.dataset import DatasetInfo, drawn_signers, read_info, read_split
from asl_pkg.errors import BundleError
from asl_pkg.storage import atomic, outputs
from asl_pkg.validation.context import open_context
from asl_pkg.validation.evaluation import Evaluation, Judgement, evaluate
from asl_pkg.validation.external import open_external
from asl_pkg.validation.gate_specs import required_gates
from asl_pkg.validation.gates import GateInput, decide
from asl_pkg.validation.golden import write_golden
from asl_pkg.validation.leak import find_leak
from asl_pkg.validation.model_card import model_card
from asl_pkg.validation.model_contract import contract_faults
from asl_pkg.validation.report import Report
from asl_pkg.validation.report_html import report_html
from asl_pkg.validation.report_json import report_json


def validate(
    settings: Settings,
    bundle_dir: Path,
    dataset_dir: Path,
    checkpoint_path: Path,
    report_dir: Path,
    champion: str | None = None,
) -> Report:
    """Write the report on a bundle. A gate that fails is not an error: the report says so.

    Args:
        settings: `validate` has the thresholds, `seed` the seed of every random choice, `data` the image cache and
            the folder of other people's images, if any; `store` has the serving release.
        bundle_dir: Bundle to validate.
        dataset_dir: Data set with the test split.
        checkpoint_path: Checkpoint of the bundle, for the comparison with torch; two folders above it is the
            training's record of the images that it read.
        report_dir: Folder for report.json, report.html, model_card.md and the golden set; replaced when complete.
        champion: Release to compare with; empty for none; None means the serving release.

    Returns:
        The report, passed or not, signed where a private key is configured.

    Raises:
        BundleError: There is no bundle or no checkpoint.
        DataError: There is no data set, or no image in the folder of other people's images.
        SettingError: Something that no validation wrote is in report_dir.
    """
    outputs.claim(report_dir, outputs.REPORT)
    judged = judge_bundle(settings, bundle_dir, dataset_dir, checkpoint_path, champion)
    with outputs.replaced(report_dir, outputs.REPORT) as beside:
        golden_digest = None
        if judged.evaluation:
            golden_digest = _write_golden(beside / contract.GOLDEN_FOLDER, dataset_dir, judged.evaluation)
        drawn = drawn_signers(read_split(dataset_dir, contract.TEST, ["signer", "landmarks_3d"]))
        body = report_json(judged, drawn, atomic.sha256(bundle_dir / contract.BUNDLE_FILE), golden_digest)
        atomic.write_json(beside / contract.REPORT_FILE, body.model_dump(mode="json"))
        signature.sign(beside / contract.REPORT_FILE, beside / contract.REPORT_SIGNATURE)
        atomic.write_text(beside / contract.REPORT_PAGE, report_html(body, judged.evaluation))
        atomic.write_text(beside / contract.MODEL_CARD, model_card(body))
    return Report(report_dir, body)


def judge_bundle(
    settings: Settings, bundle_dir: Path, dataset_dir: Path, checkpoint_path: Path, champion: str | None = None
) -> Judgement:
    """Decide every gate; arguments and errors are those of `validate`."""
    info = read_info(dataset_dir)
    bundle, found = inspect_bundle(bundle_dir, info)
    found["leak"] = _leak(dataset_dir, checkpoint_path.parent.parent / contract.SEEN_FILE)
    strangers = open_external(settings.data.external) if settings.data.external else None
    evaluation = None
    if bundle and found["contract"].measured == 0:
        context = open_context(settings, bundle, checkpoint_path, dataset_dir, info)
        evaluation = evaluate(context, strangers, champion)
        found |= evaluation.found
    scored = evaluation is not None and evaluation.external is not None
    names = required_gates(bundle.manifest if bundle else None, info.unseen_signers, scored)
    return Judgement(info, bundle, decide(found, settings.validate, names), evaluation)


def _leak(dataset_dir: Path, seen_path: Path) -> GateInput:
    try:
        leak = find_leak(dataset_dir, seen_path)
    except BundleError as error:
        return GateInput(None, str(error))
    return GateInput(leak.images, leak.detail)


def inspect_bundle(bundle_dir: Path, info: DatasetInfo) -> tuple[Bundle | None, dict[str, GateInput]]:
    """Check a bundle before it is run.

    Args:
        bundle_dir: Folder of the bundle.
        info: Data set that it will be measured on.

    Returns:
        The bundle, or None if its files are not the exported ones; and the input of the first gates.

    Raises:
        BundleError: There is none.
    """
    try:
        bundle = open_bundle(bundle_dir)
    except BundleError as error:
        if not (bundle_dir / contract.BUNDLE_FILE).is_file():
            raise
        return None, {"integrity": GateInput(1, str(error))}
    faults = contract_faults(bundle)
    return bundle, {
        "integrity": GateInput(0),
        "contract": GateInput(len(faults), "; ".join(faults)),
        "data_set": GateInput(int(bundle.dataset_digest != info.digest)),
    }


def _write_golden(folder: Path, dataset_dir: Path, evaluation: Evaluation) -> str:
    """Write the golden set; returns the SHA-256 of its list, which has the digest of each image."""
    rows, answers = evaluation.golden_rows, evaluation.answers
    images = read_split(dataset_dir, contract.TEST, ["image"]).take(rows)["image"].to_pylist()
    write_golden(folder, answers.truth[rows].tolist(), images, answers.probabilities[rows])
    return atomic.sha256(folder / contract.GOLDEN_FILE)
