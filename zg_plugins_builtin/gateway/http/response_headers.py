"""An id and a trace for each request, and the headers that each response has."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..clock import Clock
from ..ids import new_id
from .rates import Standing
from .raw_headers import first
from .tracing import Trace

__all__ = ["ALWAYS", "ResponseHeaders"]

_GIVEN = re.compile(r"[A-Za-z0-9_-]{8,64}")

ALWAYS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
_ALWAYS = [(name.encode(), value.encode()) for name, value in ALWAYS.items()]
_ALWAYS_SECURE = [
    *_ALWAYS,
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
]


class ResponseHeaders:
    """Gives each request its id, and each response its headers.

    What a route sets itself stays, so that an artifact may have a policy of its own.
    """

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        given = first(scope, b"x-request-id")
        state["request_id"] = request = self._id(given)
        state["trace"] = trace = Trace.after(Headers(scope=scope))

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                headers += self._missing(headers, scope["scheme"])
                headers.append((b"x-request-id", request.encode()))
                headers.append((b"traceparent", trace.header.encode()))
                standing = state.get("standing")
                if isinstance(standing, Standing):
                    headers.append((b"ratelimit-policy", standing.rate.policy.encode()))
                    headers.append((b"ratelimit", standing.limit.encode()))
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, headed)

    def _missing(
        self, headers: list[tuple[bytes, bytes]], scheme: str
    ) -> list[tuple[bytes, bytes]]:
        own = {name for name, _ in headers}
        always = _ALWAYS_SECURE if scheme == "https" else _ALWAYS
        return [header for header in always if header[0] not in own]

    def _id(self, given: str) -> str:
        return given if _GIVEN.fullmatch(given) else new_id("req", self._clock.now())
