"""Several settings in one string, as in a form: `trainer.workers=2 model.width=4`, quoted as in a shell."""

import shlex
from collections.abc import Iterable

from asl_pkg.errors import SettingError


def settings_to_text(overrides: Iterable[str]) -> str:
    """Join settings; values with spaces are quoted.

    Args:
        overrides: `name=value`.

    Returns:
        One line.
    """
    return shlex.join(overrides)


def settings_from_text(text: str) -> list[str]:
    """Split a string into settings.

    Args:
        text: `name=value` as on the command line, separated by spaces or line breaks.

    Returns:
        The settings, not checked.

    Raises:
        SettingError: A quotation mark is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise SettingError(
            f"cannot read the settings {text!r} ({error}); expected name=value, with quotation marks in pairs"
        ) from error
