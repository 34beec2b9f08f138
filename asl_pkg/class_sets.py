"""Classes of a data set or a model: all of contract.CLASSES, or some, such as the static letters."""

from collections.abc import Mapping, Sequence
from typing import Any

from asl_pkg import contract

# In dataset.json, a checkpoint, bundle.json and the ONNX graph; without it all classes are known.
KNOWN_CLASSES_KEY = "known_classes"
FEWEST = 2  # classes; with fewer there is nothing to tell apart
NOTHING = "nothing"


def known_classes(said: Mapping[str, Any]) -> list[str]:
    """Read which classes a model knows.

    Args:
        said: Hyper-parameters of a checkpoint, or contents of bundle.json.

    Returns:
        Names of the classes; all of them for files of older versions.
    """
    return list(said.get(KNOWN_CLASSES_KEY, contract.CLASSES))


def labels_of(names: Sequence[str]) -> list[int]:
    """Indices of classes in contract.CLASSES."""
    return [contract.CLASSES.index(name) for name in names]


def in_order(names: Sequence[str]) -> list[str]:
    """The classes among some names, each once, in the order of contract.CLASSES."""
    return [name for name in contract.CLASSES if name in names]


def is_sound(names: Sequence[str]) -> bool:
    """Whether these can be a model's classes: at least FEWEST, in the order of contract.CLASSES."""
    return len(names) >= FEWEST and list(names) == in_order(names)


def describe_classes(known: Sequence[str]) -> str:
    """Describe which classes are known.

    Args:
        known: Names of the classes, in the order of contract.CLASSES.

    Returns:
        Text such as `24 of 29 classes: no J, Z, del, nothing, space`; empty if all are known.
    """
    lacking = [name for name in contract.CLASSES if name not in known]
    if not lacking:
        return ""
    which = f"no {', '.join(lacking)}" if len(lacking) < len(known) else ", ".join(known)
    return f"{len(known)} of {len(contract.CLASSES)} classes: {which}"
