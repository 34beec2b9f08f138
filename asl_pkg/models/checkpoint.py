"""Checkpoints, loaded without executing code in them."""

import pickle
from pathlib import Path
from typing import Any

import torch

from asl_pkg import contract
from asl_pkg.class_sets import KNOWN_CLASSES_KEY, is_sound, known_classes
from asl_pkg.errors import BundleError
from asl_pkg.models.classifier import Classifier

MAKES_ONE = "`asl train` makes one"


def load_checkpoint(path: Path) -> Classifier:
    """Read a checkpoint.

    Args:
        path: Checkpoint that training wrote.

    Returns:
        The classifier, in evaluation mode, on the CPU.

    Raises:
        BundleError: There is none, it is damaged, not a checkpoint of ours, or has another contract.
    """
    checkpoint = read(path)
    try:
        classifier = Classifier(checkpoint["hyper_parameters"])
        classifier.load_state_dict(checkpoint["state_dict"])
    except (KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise BundleError(f"{path} is not a checkpoint of this program: {MAKES_ONE}") from error
    return classifier.eval()


def read(path: Path) -> dict[str, Any]:
    """Read the contents of a checkpoint.

    Args:
        path: Checkpoint.

    Returns:
        Lightning's dict: state_dict, hyper_parameters and more.

    Raises:
        BundleError: There is none, it is damaged, not a checkpoint of ours, or has another contract.
    """
    if not path.is_file():
        raise BundleError(f"no checkpoint in {path}: {MAKES_ONE}")
    try:
        # weights_only: a pickle could run any code
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise BundleError(f"{path} is damaged or not a checkpoint: {MAKES_ONE}") from error
    if not isinstance(checkpoint, dict) or not {"state_dict", "hyper_parameters"} <= checkpoint.keys():
        raise BundleError(f"{path} is not a checkpoint of this program: {MAKES_ONE}")
    _check(path, checkpoint["hyper_parameters"])
    return checkpoint


def _check(path: Path, hyper_parameters: dict[str, Any]) -> None:
    allowed: dict[str, list[Any]] = {"contract_version": [*contract.OUTPUTS], "classes": [list(contract.CLASSES)]}
    for name, values in allowed.items():
        if (found := hyper_parameters.get(name)) not in values:
            raise BundleError(f"{path}: {name} is {found!r}, expected one of {values}: {MAKES_ONE}")
    if not is_sound(known_classes(hyper_parameters)):
        raise BundleError(
            f"{path}: {KNOWN_CLASSES_KEY} is {hyper_parameters[KNOWN_CLASSES_KEY]!r}, expected some of the classes in "
            f"their order: {MAKES_ONE}"
        )


def set_temperature(path: Path, temperature: float) -> None:
    """Write the calibration temperature into a new checkpoint.

    Args:
        path: Checkpoint that training wrote.
        temperature: Divisor of the logits.
    """
    checkpoint = read(path)
    checkpoint["hyper_parameters"]["temperature"] = temperature
    torch.save(checkpoint, path)
