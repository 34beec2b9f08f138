"""The classes of a data set or model: all of contract.CLASSES, or some of them, such as the static letters."""

from collections.abc import Mapping, Sequence
from typing import Any

from asl_pkg import contract

KEY = "known_classes"  # in dataset.json, checkpoints, bundle.json and the ONNX graph; without it all classes are known
FEWEST = 2  # fewer classes cannot be distinguished
NOTHING = "nothing"


def known_classes(said: Mapping[str, Any]) -> list[str]:
    """Read which classes a model knows.

    Args:
        said: the hyper-parameters of a checkpoint, or the contents of bundle.json.

    Returns:
        Their names as it says them; all classes where it was made before there were others.
    """
    return list(said.get(KEY, contract.CLASSES))


def labels_of(names: Sequence[str]) -> list[int]:
    """Give the indices of classes in contract.CLASSES."""
    return [contract.CLASSES.index(name) for name in names]


def in_order(names: Sequence[str]) -> list[str]:
    """Give the classes among some names, each once, in the order of contract.CLASSES."""
    return [name for name in contract.CLASSES if name in names]


def is_sound(names: Sequence[str]) -> bool:
    """Whether names may be what a model knows: at least FEWEST classes, in the order of contract.CLASSES."""
    return len(names) >= FEWEST and list(names) == in_order(names)


def described(known: Sequence[str]) -> str:
    """Say which classes are known.

    Args:
        known: names in the order of contract.CLASSES.

    Returns:
        As `24 of 29 classes: no J, Z, del, nothing, space`; empty where all are known.
    """
    lacking = [name for name in contract.CLASSES if name not in known]
    if not lacking:
        return ""
    which = f"no {', '.join(lacking)}" if len(lacking) < len(known) else ", ".join(known)
    return f"{len(known)} of {len(contract.CLASSES)} classes: {which}"
