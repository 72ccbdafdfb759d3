"""Errors as problem documents (RFC 9457): the one way the service says no."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import ceil
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Scope

from ..errors import (
    Fault,
    GatewayError,
    InsufficientScopeError,
    InvalidRequestError,
    LoginTooOldError,
    UnauthenticatedError,
)
from .openai import shape
from .rates import RateExceededError

__all__ = ["MEDIA_TYPE", "answer", "document", "headers_of", "request_id", "told"]

MEDIA_TYPE = "application/problem+json"
_PLACE = "https://zerogravity.dev/problems/"


def document(
    error: GatewayError, *, instance: str, request: str, status: int | None = None
) -> dict[str, Any]:
    """Return the problem document of an error.

    Args:
        error: What happened.
        instance: The path that was asked for.
        request: The id of the request.
        status: Another status than the error's own.
    """
    problem: dict[str, Any] = {
        **error.details,
        "type": _PLACE + error.code.replace("_", "-"),
        "title": error.code.replace("_", " ").capitalize(),
        "status": status or error.status,
        "detail": str(error),
        "instance": instance,
        "code": error.code,
        "request_id": request,
    }
    if isinstance(error, InvalidRequestError) and error.faults:
        problem["errors"] = [_fault(fault) for fault in error.faults]
    return problem


def _fault(fault: Fault) -> dict[str, str]:
    said = {"code": fault.code, "detail": fault.detail}
    if fault.place == "body":
        return {"pointer": fault.pointer, **said}
    return {"parameter": fault.pointer.removeprefix("/"), "in": fault.place, **said}


def told(
    error: GatewayError, *, instance: str, request: str, status: int | None = None
) -> tuple[int, str, dict[str, Any]]:
    """Return the status, the media type and the document of an error.

    Args:
        error: What happened.
        instance: The path that was asked for; it says how errors are told there.
        request: The id of the request.
        status: Another status than the error's own.
    """
    if shape.speaks(instance):
        answered = shape.status_of(error, status)
        return answered, shape.MEDIA_TYPE, shape.document(error, status)
    problem = document(error, instance=instance, request=request, status=status)
    return problem["status"], MEDIA_TYPE, problem


def headers_of(error: GatewayError) -> dict[str, str]:
    """Return the headers that belong to an error, whatever the route."""
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(ceil(error.retry_after), 1))
    if isinstance(error, LoginTooOldError):
        headers["www-authenticate"] = (
            'Bearer error="insufficient_user_authentication", '
            f'max_age="{error.max_age}"'
        )
    elif isinstance(error, UnauthenticatedError):
        invalid = error.code == "token_expired"
        headers["www-authenticate"] = (
            'Bearer error="invalid_token"' if invalid else "Bearer"
        )
    elif isinstance(error, InsufficientScopeError):
        headers["www-authenticate"] = (
            f'Bearer error="insufficient_scope", scope="{error.scope}"'
        )
    if isinstance(error, RateExceededError):
        headers["ratelimit-policy"] = error.standing.rate.policy
        headers["ratelimit"] = error.standing.limit
    return headers


def request_id(scope: Scope) -> str:
    """Return the id of a request; empty before it was given one."""
    given: str = scope.get("state", {}).get("request_id", "")
    return given


def answer(
    error: GatewayError,
    scope: Scope,
    headers: Mapping[str, str] | None = None,
    *,
    status: int | None = None,
) -> Response:
    """Return the answer that tells of an error.

    Args:
        error: What happened.
        scope: The request.
        headers: More headers; they win over the error's own.
        status: Another status than the error's own.
    """
    path = quote(scope["path"], errors="replace")
    answered, media_type, said = told(
        error, instance=path, request=request_id(scope), status=status
    )
    own = shape.headers_of(error) if shape.speaks(path) else {}
    return Response(
        json.dumps(said),
        answered,
        {**headers_of(error), **own, **(headers or {})},
        media_type,
    )
