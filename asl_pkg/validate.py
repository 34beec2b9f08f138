"""The verb validate: measure the exported bundle on pictures that training never saw, and let the gates decide."""

from dataclasses import dataclass
from pathlib import Path

from asl_pkg import contract, files
from asl_pkg.config import Settings
from asl_pkg.data.dataset import DatasetInfo, read_info, read_split
from asl_pkg.errors import BundleError
from asl_pkg.serving import signature
from asl_pkg.serving.bundle import Bundle, open_bundle
from asl_pkg.serving.onnx_session import open_session
from asl_pkg.validation.answers import TEST, Answers, ask
from asl_pkg.validation.contents import contents
from asl_pkg.validation.external import External, open_external, score
from asl_pkg.validation.gates import Finding, Gate, decide, findings
from asl_pkg.validation.golden import choose, write_golden
from asl_pkg.validation.measurements import Measurements, measure
from asl_pkg.validation.model_card import model_card
from asl_pkg.validation.model_contract import contract_faults
from asl_pkg.validation.page import page
from asl_pkg.validation.report import Report


@dataclass(frozen=True)
class Judgement:
    """What was found out about a bundle.

    Args:
        info: the data set.
        bundle: None where its files are not what was exported.
        gates: the verdicts.
        measured: on the test pictures, None where the model could not be run.
        answers: to the test pictures, None likewise.
        external: on other people's pictures, None likewise and where there are none.
    """

    info: DatasetInfo
    bundle: Bundle | None
    gates: list[Gate]
    measured: Measurements | None
    answers: Answers | None
    external: External | None


def validate(
    settings: Settings, bundle_dir: Path, dataset_dir: Path, checkpoint_path: Path, report_dir: Path
) -> Report:
    """Write the report on a bundle. A gate that fails is no error: the report says so.

    Args:
        settings: `validate` has the thresholds, `seed` that of the resampling, `data` where decoded pictures
            are kept and the folder of other people's pictures, if any.
        bundle_dir: what is judged, as it would be served.
        dataset_dir: the data set whose test split judges it.
        checkpoint_path: what the bundle was made from, for the comparison with torch.
        report_dir: gets report.json, report.html, model_card.md and the golden set; replaced when the new one is there.

    Returns:
        The report, passed or not, signed where a private key is configured.

    Raises:
        BundleError: there is no bundle or no checkpoint.
        DataError: there is no data set, or no picture in the folder of other people's.
    """
    judged = judge(settings, bundle_dir, dataset_dir, checkpoint_path)
    with files.written_beside(report_dir) as beside:
        golden_digest = None
        if judged.answers:
            golden_digest = _write_golden(beside / contract.GOLDEN_FOLDER, dataset_dir, judged.answers)
        body = contents(
            judged.info, bundle_dir, judged.bundle, judged.gates, judged.measured, judged.external, golden_digest
        )
        files.write_json(beside / contract.REPORT_FILE, body)
        signature.sign(beside / contract.REPORT_FILE, beside / contract.REPORT_SIGNATURE)
        files.write_text(beside / contract.REPORT_PAGE, page(body, judged.measured, judged.answers, judged.external))
        files.write_text(beside / contract.MODEL_CARD, model_card(body))
    return Report(report_dir, body)


def judge(settings: Settings, bundle_dir: Path, dataset_dir: Path, checkpoint_path: Path) -> Judgement:
    """Let every gate decide; the arguments and errors are those of `validate`."""
    info = read_info(dataset_dir)
    bundle, found = examine(bundle_dir, info)
    strangers = open_external(settings.data.external) if settings.data.external else None
    answers, measured, external = None, None, None
    if bundle and found["contract"].measured == 0:
        answers = ask(bundle, checkpoint_path, dataset_dir, info, settings.data)
        measured = measure(
            answers.probabilities,
            answers.by_torch,
            answers.truth,
            answers.groups,
            bundle.confidence_threshold,
            settings.validate.resamples,
            settings.seed,
        )
        found |= findings(measured, info.split_by)
        if strangers:
            external = score(
                open_session(bundle.model_path),
                strangers.read(0),
                settings.data.external,
                settings.validate.resamples,
                settings.seed,
            )
    return Judgement(info, bundle, decide(found, settings.validate), measured, answers, external)


def examine(bundle_dir: Path, info: DatasetInfo) -> tuple[Bundle | None, dict[str, Finding]]:
    """Look at a bundle before it is asked anything.

    Args:
        bundle_dir: where it lies.
        info: the data set that it shall be measured on.

    Returns:
        The bundle, None where its files are not what was exported; and what the first gates judge.

    Raises:
        BundleError: there is none.
    """
    try:
        bundle = open_bundle(bundle_dir)
    except BundleError as error:
        if not (bundle_dir / contract.BUNDLE_FILE).is_file():
            raise
        return None, {"integrity": Finding(1, str(error))}
    faults = contract_faults(bundle)
    return bundle, {
        "integrity": Finding(0),
        "contract": Finding(len(faults), "; ".join(faults)),
        "data_set": Finding(int(bundle.dataset_digest != info.digest)),
    }


def _write_golden(folder: Path, dataset_dir: Path, answers: Answers) -> str:
    """SHA-256 of its list, which names the digest of each picture."""
    chosen = choose(answers.truth, answers.digests)
    pictures = read_split(dataset_dir, TEST, ["image"]).take(chosen)["image"].to_pylist()
    write_golden(folder, answers.truth[chosen].tolist(), pictures, answers.probabilities[chosen])
    return files.sha256(folder / contract.GOLDEN_FILE)
