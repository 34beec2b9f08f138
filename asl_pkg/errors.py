"""One family of errors. Only commands/ turns them into a line on stderr and an exit code."""

from asl_pkg.urls import public


class AslError(Exception):
    """What came, what was expected and which command mends it, in one line for the user.

    Args:
        text: the line; passwords and signatures of URLs are taken out of it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(public(text))


class SettingError(AslError):
    """A setting is unknown, of the wrong type or impossible."""


class DataError(AslError):
    """A data set, a source or an image is not what it has to be."""


class BundleError(AslError):
    """A bundle, checkpoint, report or release is missing, damaged or of another one."""


class ServingError(AslError):
    """A model server could not be started or gave no valid answer."""


class DriftError(AslError):
    """What a model is shown is not like what it was measured on."""


class GateError(AslError):
    """Validation refused the model; the text names every gate that failed."""
