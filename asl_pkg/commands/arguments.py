"""Words of a command line that are no settings."""

from collections.abc import Sequence
from pathlib import Path

from asl_pkg.config.load import at_home, setting_names
from asl_pkg.config.schema import InferenceSettings


def split_paths_and_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell names of files from settings: a word with `=` is a setting unless a file has that very name.

    `~` is the home folder in the names.

    Args:
        arguments: the words after the verb.

    Returns:
        The names and the settings.
    """
    known = setting_names(InferenceSettings)
    settings = [one for one in arguments if one.partition("=")[0] in known or ("=" in one and not Path(one).exists())]
    return [at_home(one) for one in arguments if one not in settings], settings
