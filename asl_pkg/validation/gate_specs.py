"""What each gate requires, and what to do if it fails. The thresholds are settings: config.ValidateSettings."""

from dataclasses import dataclass

from asl_pkg import contract
from asl_pkg.bundle.manifest import Manifest
from asl_pkg.class_sets import NOTHING

AT_LEAST = "at least"
AT_MOST = "at most"
EXPORT_AGAIN = "set checkpoint_path to the checkpoint of this bundle, or run `asl export` again"

NOT_OFFERED = "serve the bundle in fp32 instead"


@dataclass(frozen=True)
class GateSpec:
    """What a gate requires.

    Args:
        direction: AT_LEAST or AT_MOST the threshold.
        measures: Meaning of the number.
        remedy: What to do when the gate fails.
        setting: Setting of ValidateSettings with the threshold; empty if only 0 is allowed.
    """

    direction: str
    measures: str
    remedy: str
    setting: str = ""


GATE_SPECS = {
    "integrity": GateSpec(
        AT_MOST,
        "files that differ from bundle.json",
        "run `asl export` again",
    ),
    "contract": GateSpec(
        AT_MOST,
        "violations of the model contract: files, tensors, types, shapes, classes, operators",
        "run `asl export` with this version of the code",
    ),
    "data_set": GateSpec(
        AT_MOST,
        "0 if this is the data set that the model was trained on, else 1",
        "validate with the training's data set: training never saw its test images",
    ),
    "leak": GateSpec(
        AT_MOST,
        "test images that training read, itself or as near-duplicates, and images read from outside the training split",
        "pull and train again: `asl pull` splits without leaks, and `asl train` records what reached the network",
    ),
    "finite": GateSpec(
        AT_MOST,
        "answers with a value that is infinite or not a number",
        "train again with a lower trainer.learning_rate, and export in fp32",
    ),
    "independence": GateSpec(
        AT_MOST,
        "greatest change of a probability when an image is sent alone, in another batch, or again",
        "the graph mixes images of a batch or uses random numbers: run `asl export` again",
        "independence_max",
    ),
    "parity": GateSpec(
        AT_MOST,
        "greatest difference of log-probabilities between ONNX Runtime and torch, beyond rounding",
        EXPORT_AGAIN,
        "parity_max",
    ),
    "parity_class": GateSpec(
        AT_MOST,
        "images for which ONNX Runtime gives another class than torch, unless torch's top two were almost equal",
        EXPORT_AGAIN,
    ),
    "agreement": GateSpec(
        AT_LEAST,
        "share of test images for which the variant and fp32 give the same class",
        NOT_OFFERED,
        "agreement_min",
    ),
    "not_worse": GateSpec(
        AT_MOST,
        "accuracy lost to fp32 on the same images, upper bound",
        NOT_OFFERED,
        "variant_loss_max",
    ),
    "faster": GateSpec(
        AT_MOST,
        "processor time for one image as a multiple of fp32's (90th percentile)",
        NOT_OFFERED,
        "variant_time_max",
    ),
    "accuracy": GateSpec(
        AT_LEAST,
        "share of correct answers, lower bound",
        "train longer, on more signers, or with model=resnet; the confusion matrix shows which letters are mixed up",
        "accuracy_min",
    ),
    "macro_f1": GateSpec(
        AT_LEAST,
        "mean F1 of the classes, lower bound",
        "find the classes with a low recall, and add training images of them",
        "macro_f1_min",
    ),
    "recall": GateSpec(
        AT_LEAST,
        "recall of the worst class",
        "look at that class's images in the data set's contact sheet: usually wrong labels or too few signers",
        "recall_min",
    ),
    "worst_group": GateSpec(
        AT_LEAST,
        "share of correct answers for the worst signer",
        "add signers like that one to training: handedness, skin, sleeve, light and camera differ",
        "worst_group_min",
    ),
    "external": GateSpec(
        AT_LEAST,
        "share of correct answers on other people's images, lower bound",
        "train on images of more people: data=mix combines sources",
        "external_min",
    ),
    "calibration": GateSpec(
        AT_MOST,
        "expected calibration error: mean distance of confidence from accuracy",
        "train again: the temperature is fitted on the validation split, whose signers may be too few",
        "calibration_error_max",
    ),
    "unsure": GateSpec(
        AT_MOST,
        "share of answers below the confidence threshold",
        "train longer, or export with a lower export.confidence_threshold",
        "unsure_max",
    ),
    "champion": GateSpec(
        AT_MOST,
        "accuracy lost against the serving release on the same images, lower bound",
        "the serving release is better: keep it, or find out why the new model is worse",
        "champion_loss_max",
    ),
    "stability": GateSpec(
        AT_LEAST,
        "share of correctly read images that stay correct when darker, brighter, compressed, moved or turned a little",
        "train with trainer.augment=true, and on images of more cameras and rooms",
        "stability_min",
    ),
    "empty_scenes": GateSpec(
        AT_LEAST,
        "share of plain scenes without a hand that are answered with `nothing`",
        "add images of `nothing` with other backgrounds",
        "empty_scenes_min",
    ),
    "noise": GateSpec(
        AT_MOST,
        "share of images of pure noise that are confidently answered with a letter",
        "add images of `nothing` with other backgrounds, or raise export.confidence_threshold",
        "noise_max",
    ),
    "triton": GateSpec(
        AT_MOST,
        "images of the golden set for which a real Triton's answer differs from ONNX Runtime's",
        "repair Triton with `make install`, or run `asl export` again",
    ),
    "latency": GateSpec(
        AT_MOST,
        "processor time for one image in ONNX Runtime, as a multiple of torch's for the same network in the same run",
        "the graph does more than the network: run `asl export` again",
        "latency_max",
    ),
}


def knows_nothing(bundle: Manifest | None) -> bool:
    """Whether a model knows the class `nothing`, the right answer to empty scenes and noise.

    Args:
        bundle: Contents of bundle.json; None if the bundle is damaged.

    Returns:
        True unless bundle.json says that it does not.
    """
    return bundle is None or NOTHING in bundle.known_classes


def required_gates(bundle: Manifest | None, unseen_signers: bool, external: bool) -> list[str]:
    """List the gates that a report must have.

    Args:
        bundle: Contents of bundle.json; None if the bundle is damaged.
        unseen_signers: Whether training saw no signer of the test split.
        external: Whether other people's images were scored.

    Returns:
        Names, in the order of GATE_SPECS.
    """
    variant = bundle is not None and bundle.precision != contract.FP32
    applies = {
        **dict.fromkeys(("parity", "parity_class"), not variant),
        **dict.fromkeys(("agreement", "not_worse", "faster"), variant),
        "worst_group": unseen_signers,
        **dict.fromkeys(("empty_scenes", "noise"), knows_nothing(bundle)),
        "external": external,
    }
    return [name for name in GATE_SPECS if applies.get(name, True)]
