"""Which release serves from a store: serving.json."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

from asl_pkg.errors import BundleError
from asl_pkg.storage.json_model import parse_json


@dataclass(frozen=True)
class Serving:
    """The serving release.

    Args:
        release: First digits of the model digest.
        bundle_digest: SHA-256 of its bundle.json.
        report_digest: SHA-256 of the report that it passed with.
        previous: The release that served before, None for the first.
    """

    __pydantic_config__: ClassVar = ConfigDict(strict=True, extra="forbid")

    release: str
    bundle_digest: str
    report_digest: str
    previous: str | None


def parse_serving(text: bytes, name: str) -> Serving:
    """Read a serving.json.

    Args:
        text: Contents of the file.
        name: Path or URL of the file, for the error.

    Returns:
        The serving release.

    Raises:
        BundleError: It is damaged.
    """
    try:
        return parse_json(Serving, text)
    except ValueError as error:
        raise BundleError(f"{name} is damaged ({error}): remove it, and `asl deploy` writes a new one") from error
