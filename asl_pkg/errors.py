"""One family of errors. Only commands/ turns them into a line on stderr and an exit code."""

from asl_pkg.urls import public


class AslError(Exception):
    """What came, what was expected and which command fixes it, in one line for the user.

    Args:
        text: The line; secrets are removed from its URLs.
    """

    def __init__(self, text: str) -> None:
        super().__init__(public(text))


class SettingError(AslError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(AslError):
    """A data set, a source or an image is invalid."""


class BundleError(AslError):
    """A bundle, checkpoint, report or release is missing or damaged, or does not belong to the others."""


class ServingError(AslError):
    """A model server could not be started or gave no valid answer."""


class DriftError(AslError):
    """The images drifted from those that the model was measured on."""


class GateError(AslError):
    """Validation refused the model; the message names every failed gate."""
