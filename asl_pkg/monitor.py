"""The verb monitor: compare new images with the bundle's drift reference, on which the model was measured."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.config.schema import InferenceSettings
from asl_pkg.errors import BundleError, DataError
from asl_pkg.inference.choice import choose_bundle
from asl_pkg.monitoring.drift import CONFIDENCE, CONFIDENCE_DIGITS, LETTER, DriftReport, compute_drift
from asl_pkg.monitoring.features import MEASURES
from asl_pkg.monitoring.page import drift_html
from asl_pkg.storage import atomic, outputs


def monitor(settings: InferenceSettings, answers: Iterable[dict[str, Any]]) -> DriftReport:
    """Compare answers with the drift reference and write a page about it; images are neither kept nor shown.

    Args:
        settings: `bundle` or `store` has the reference, `monitor` the limits; `monitor_dir` gets the page.
        answers: Answers of `asl infer output=json`, one per image.

    Returns:
        The verdict.

    Raises:
        BundleError: There is no bundle, or it has no drift reference.
        DataError: There is no answer to compare, or one of another release.
        SettingError: Something that monitor did not write is in the way.
    """
    folder = outputs.claim(Path(settings.monitor_dir), outputs.MONITOR)
    bundle = choose_bundle(settings)
    reference = read_reference(bundle)
    shown, unread = _table(answers, bundle.release)
    shifts = compute_drift(reference, shown, settings.monitor)
    moved = sorted((shift for shift in shifts if shift.drifted), key=lambda shift: -shift.distance)
    found = DriftReport(
        drifted=[shift.name for shift in moved],
        release=bundle.release,
        images=len(shown[LETTER]),
        unread=unread,
        reference_images=len(reference[LETTER]),
        measures=shifts,
    )
    outputs.mark(folder, outputs.MONITOR)
    atomic.write_json(folder / contract.MONITOR_FILE, found.model_dump(mode="json"))
    atomic.write_text(folder / contract.MONITOR_PAGE, drift_html(found, reference, shown))
    return found


def read_reference(bundle: Bundle) -> dict[str, list[Any]]:
    """Read a bundle's drift reference.

    Args:
        bundle: Verified bundle.

    Returns:
        Numbers by measure, one per image, with the confidence and the answers.

    Raises:
        BundleError: It has none, or one of an older version.
    """
    path = bundle.folder / contract.DRIFT_FILE
    try:
        sample = json.loads(path.read_text(encoding="utf-8"))["sample"]
        return {name: list(sample[name]) for name in (*MEASURES, CONFIDENCE, LETTER)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{bundle.folder} has no drift reference: `asl train` and `asl export` make one") from error


def read_answers(path: Path) -> Iterator[dict[str, Any]]:
    """Read lines of `asl infer output=json`.

    Args:
        path: The file.

    Yields:
        One answer per line.

    Raises:
        DataError: There is no such file, or a line is not an answer.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield dict(json.loads(line))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} does not hold lines of `asl infer output=json` ({error})") from error


def _table(answers: Iterable[dict[str, Any]], release: str) -> tuple[dict[str, list[Any]], int]:
    """The answers by measure, and the number of images that could not be read."""
    shown: dict[str, list[Any]] = {name: [] for name in (*MEASURES, CONFIDENCE, LETTER)}
    unread = 0
    for answer in answers:
        if answer.get("error"):
            unread += 1
            continue
        try:
            letter, confidence = answer["top3"][0]  # also where the answer is `unsure`
            row: dict[str, Any] = {name: float(answer["measures"][name]) for name in MEASURES}
            row |= {
                CONFIDENCE: round(float(confidence), CONFIDENCE_DIGITS),
                LETTER: contract.CLASSES[contract.CLASSES.index(letter)],
            }
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise DataError(
                f"an answer has nothing to compare ({error!r}): expected a line of `asl infer output=json`"
            ) from error
        if answer.get("release") != release:
            raise DataError(
                f"answers of release {answer.get('release')!a}, expected {release}: set bundle=FOLDER to their bundle"
            )
        for name, value in row.items():
            shown[name].append(value)
    if not shown[LETTER]:
        raise DataError("no image could be read: there is nothing to compare")
    return shown, unread
