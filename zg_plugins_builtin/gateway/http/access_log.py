"""One line for each request that was answered, and a number for whoever counts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..clock import Clock
from .problems import request_id
from .tracing import trace_of

__all__ = ["AccessLog", "Served"]

_log = logging.getLogger(__name__)


class Served(NamedTuple):
    """A request that was answered.

    Args:
        method: The method.
        route: The route as it is declared, never the path; empty where none fits.
        status: The status of the answer; 0 where the client left before it.
        seconds: How long it took, to the last byte.
        request_id: The id of the request.
        trace_id: The trace that it belongs to.
    """

    method: str
    route: str
    status: int
    seconds: float
    request_id: str
    trace_id: str = ""


class AccessLog:
    """Tells of each request; neither path, query nor any header is in it."""

    def __init__(
        self,
        app: ASGIApp,
        clock: Clock,
        served: Callable[[Served], None] | None,
        serving: Callable[[str], None] | None = None,
    ) -> None:
        self._serving = serving
        self._app = app
        self._clock = clock
        self._served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = self._clock.monotonic()
        status = 0
        if self._serving is not None:
            self._serving(scope["method"])

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            self._tell(
                Served(
                    method=scope["method"],
                    route=getattr(scope.get("route"), "path", ""),
                    status=status,
                    seconds=self._clock.monotonic() - begun,
                    request_id=request_id(scope),
                    trace_id=trace.trace_id if (trace := trace_of(scope)) else "",
                )
            )

    def _tell(self, served: Served) -> None:
        if _log.isEnabledFor(logging.INFO):
            _log.info("http.request", extra=_line(served))
        if self._served is not None:
            self._served(served)


def _line(served: Served) -> dict[str, object]:
    return {
        "method": served.method,
        "route": served.route,
        "status": served.status,
        "duration_ms": round(served.seconds * 1000, 1),
        "request_id": served.request_id,
        "trace_id": served.trace_id,
    }
