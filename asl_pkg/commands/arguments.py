"""Words of a command line that are not settings."""

from collections.abc import Sequence
from pathlib import Path

from asl_pkg.config.load import at_home, setting_names
from asl_pkg.config.schema import InferenceSettings


def split_paths_and_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate file names from settings: a word with `=` is a setting unless a file has exactly that name.

    `~` in a file name is the home folder.

    Args:
        arguments: The words after the verb.

    Returns:
        The file names and the settings.
    """
    known = setting_names(InferenceSettings)
    settings = [
        word for word in arguments if word.partition("=")[0] in known or ("=" in word and not Path(word).exists())
    ]
    return [at_home(word) for word in arguments if word not in settings], settings
