"""A limit on the size of HTTP requests, which uvicorn lacks: a larger one is answered before it fills the memory."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Answers larger bodies with 413, whatever their headers say.

    Args:
        app: what gets the others.
        max_bytes: of a body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
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
                parts.clear()  # and read on: a client that still sends would not see the answer
            more = message.get("more_body", False)
        if size > self.max_bytes:
            reason = f"a request of more than {self.max_bytes >> 20} MiB, expected a smaller one"
            await JSONResponse({"error": reason}, 413)(scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self.app(scope, replay, send)
