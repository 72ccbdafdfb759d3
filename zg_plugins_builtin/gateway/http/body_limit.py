"""Bodies no longer than the service reads."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import PayloadTooLargeError
from .problems import answer
from .raw_headers import first

__all__ = ["BodyLimit"]


class BodyLimit:
    """Refuses a body that is too long: at once where it says so, else at that byte.

    FastAPI has a limit too, which answers in plain text.
    """

    def __init__(self, app: ASGIApp, longest: int) -> None:
        self._app = app
        self._longest = longest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = first(scope, b"content-length", "0")
        if not said.isdecimal() or int(said[:20]) > self._longest:
            error = PayloadTooLargeError(
                f"the body is longer than {self._longest} bytes", "send less"
            )
            await answer(error, scope, {"connection": "close"})(scope, receive, send)
            return
        await self._app(scope, self._counting(receive), send)

    def _counting(self, receive: Receive) -> Receive:
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._longest:
                # An HTTPException, since FastAPI takes any other for bad JSON.
                raise HTTPException(413, headers={"connection": "close"})
            return message

        return counted
