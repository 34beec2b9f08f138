"""The project's errors. Only commands/ turns them into a line on stderr and an exit code."""

from asl_pkg.urls import public


class AslError(Exception):
    """One line for the user: what was found, what was expected, and which command fixes it.

    Args:
        text: The line; passwords and signatures of URLs are removed from it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(public(text))


class SettingError(AslError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(AslError):
    """A data set, source or image is missing or not valid."""


class BundleError(AslError):
    """A bundle, checkpoint, report or release is missing, damaged, or belongs to a different one."""


class ServingError(AslError):
    """A model server could not be started or gave no valid answer."""


class DriftError(AslError):
    """New images differ from those that the model was measured on."""


class GateError(AslError):
    """Validation refused the model; the message names every failed gate."""
