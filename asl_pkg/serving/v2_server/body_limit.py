"""Limit the size of HTTP requests, which uvicorn does not."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Answers larger bodies with 413, whatever their headers say.

    Args:
        app: Application that handles the other requests.
        max_bytes: Size limit of a body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            if size <= self.max_bytes:
                parts.append(message.get("body", b""))
            else:
                parts.clear()  # and read on: a client that is still sending would not see the answer
            more = message.get("more_body", False)
        if size > self.max_bytes:
            reason = f"the request is larger than the limit of {self.max_bytes >> 20} MiB"
            await JSONResponse({"error": reason}, 413)(scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self.app(scope, replay, send)
