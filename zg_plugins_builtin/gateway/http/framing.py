"""Requests that two servers could understand in two ways, refused."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import BadRequestError
from .problems import answer

__all__ = ["Framing"]

_ONCE = {b"host", b"content-length", b"content-type", b"authorization"}


class Framing:
    """Refuses requests of two lengths, and headers that may come only once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and (cause := _ambiguous(scope["headers"])):
            error = BadRequestError(cause, "send it once")
            await answer(error, scope, {"connection": "close"})(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _ambiguous(headers: list[tuple[bytes, bytes]]) -> str:
    seen = set()
    for name, _ in headers:
        if name in seen and name in _ONCE:
            return f"the header {name.decode()!r} is there more than once"
        seen.add(name)
    if b"content-length" in seen and b"transfer-encoding" in seen:
        return "the length of the body is said in two ways"
    return ""
