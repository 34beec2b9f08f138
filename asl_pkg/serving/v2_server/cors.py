"""Pages of other origins may ask this server, if they are named (Cross-Origin Resource Sharing)."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asl_pkg.errors import SettingError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?")
LENGTH_HEADER = "inference-header-content-length"


def read_origins(text: str) -> list[str]:
    """Read the origins that may ask.

    Args:
        text: Origins, separated by commas; empty for none.

    Returns:
        The origins, as browsers write them.

    Raises:
        SettingError: One is not SCHEME://HOST[:PORT].
    """
    origins = [origin.strip().lower().removesuffix("/") for origin in text.split(",") if origin.strip()]
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise SettingError(
                f"cors_origins: {origin!r} is no origin: expected SCHEME://HOST[:PORT], with http or https"
            )
    return origins


def with_cors(app: "ASGIApp", origins: Sequence[str]) -> "ASGIApp":
    """Answer the preflights of these origins, and let them read every answer, errors too.

    Args:
        app: The whole application.
        origins: Result of `read_origins`.

    Returns:
        The application; unchanged without origins, so that browsers refuse every other page.
    """
    from starlette.middleware.cors import CORSMiddleware  # not where only Triton is started

    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["content-type", LENGTH_HEADER],
        expose_headers=[LENGTH_HEADER],
    )
