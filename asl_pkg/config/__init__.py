"""Settings: what every one means, and how they are read from YAML and the command line."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Give the settings under the path of version 0.1, for one release."""
    from asl_pkg.config import schema

    return getattr(schema, name)
