"""Which release serves from a store: serving.json."""

import json
from dataclasses import dataclass

from asl_pkg.errors import BundleError


@dataclass(frozen=True)
class Serving:
    """What serves.

    Args:
        release: first digits of the model digest.
        bundle_digest: SHA-256 of its bundle.json.
        report_digest: SHA-256 of the report that let it pass.
        previous: the release that served before, None for the first.
    """

    release: str
    bundle_digest: str
    report_digest: str
    previous: str | None


def parse_serving(text: bytes, name: str) -> Serving:
    """Understand a serving.json.

    Args:
        text: its contents.
        name: where it lies, for the error.

    Returns:
        What serves.

    Raises:
        BundleError: it is damaged.
    """
    try:
        return Serving(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise BundleError(f"{name} is damaged ({error}): remove it, and `asl deploy` writes a new one") from error
