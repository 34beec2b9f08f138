"""The addresses of the page: `/`, its files under `/page/`, and its chart under `/page/chart/`."""

import mimetypes
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from asl_pkg.errors import SettingError

STATIC = Path(__file__).parent / "static"
# Nothing of the page is inline or from elsewhere, and no other page may frame it.
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self)",
    "Cache-Control": "no-cache",  # a browser asks by ETag, so a new release's page is seen at once
}


def page_routes(chart: Path | None = None) -> list[BaseRoute]:
    """Give the routes of the page.

    Args:
        chart: Folder of the drawn alphabet; None for none, which is 404.

    Returns:
        The routes; they read files of their two folders only.

    Raises:
        SettingError: There is no such folder.
    """
    if chart and not chart.is_dir():
        raise SettingError(f"chart={chart}: there is no such folder; without the flag the page has no chart")
    mimetypes.add_type("image/webp", ".webp")  # Python 3.11 learns it from files that a container image lacks
    files = _Files(directory=STATIC)

    async def index(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    drawn = [Mount("/page/chart", _Files(directory=chart))] if chart else []
    return [Route("/", index), *drawn, Mount("/page", files)]


class _Files(StaticFiles):
    """Files, each answer with the page's headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer a request."""
        try:
            answer = await super().get_response(path, scope)
        except HTTPException as error:
            answer = JSONResponse({"error": error.detail}, error.status_code, error.headers)
        answer.headers.update(HEADERS)
        return answer
