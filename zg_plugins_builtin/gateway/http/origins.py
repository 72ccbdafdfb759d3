"""The web pages that may read answers: those of the origins on a list."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ForbiddenError
from .problems import answer
from .settings import HttpSettings

__all__ = ["Origins"]

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ASKED = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "Traceparent",
    "X-Request-Id",
)
_SHOWN = (
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Job-Id",
    "X-Request-Id",
)


class Origins(CORSMiddleware):
    """Starlette's, which says no with a problem document."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        super().__init__(
            app,
            allow_origins=settings.origins,
            allow_methods=_METHODS,
            allow_headers=_ASKED,
            allow_credentials=settings.credentials,
            expose_headers=_SHOWN,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        asks = scope["type"] == "http" and scope["method"] == "OPTIONS"
        if asks and "origin" in headers and "access-control-request-method" in headers:
            await self._preflight(headers, scope)(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def _preflight(self, headers: Headers, scope: Scope) -> Response:
        response = self.preflight_response(headers)
        if response.status_code < 400:
            return Response(status_code=204, headers=_without_body(response))
        error = ForbiddenError(
            "a page of this origin may not send this request",
            "let the operator put the origin on the list",
        )
        return answer(error, scope, {"vary": response.headers["vary"]})


def _without_body(response: Response) -> dict[str, str]:
    body = ("content-length", "content-type")
    return {name: v for name, v in response.headers.items() if name not in body}
