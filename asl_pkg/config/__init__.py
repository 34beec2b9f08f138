"""Settings: their defaults and meaning, and how the command line changes them."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Give the settings under the path of version 0.1, for one release."""
    from asl_pkg.config import schema

    return getattr(schema, name)
