"""Whatever is raised while a request is answered, as a problem document."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

import zg_core as zg

from ..errors import (
    BadRequestError,
    ConflictError,
    Fault,
    ForbiddenError,
    GatewayError,
    HeadersTooLargeError,
    InvalidRequestError,
    MalformedJsonError,
    MethodNotAllowedError,
    NotFoundError,
    PayloadTooLargeError,
    PreconditionFailedError,
    QuotaExceededError,
    RequestTimeoutError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedMediaTypeError,
)
from .problems import answer, request_id

__all__ = ["as_gateway_error", "install_handlers"]

_log = logging.getLogger(__name__)
_MOST_FAULTS = 20
_LONGEST_NAME = 100
_PLACES = ("body", "query", "path", "header", "cookie")

# What pydantic calls it, and what clients see; anything else keeps pydantic's word.
_CODES = {
    "literal_error": "enum",
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "greater_than_equal": "too_small",
    "less_than_equal": "too_large",
    "string_pattern_mismatch": "pattern",
    "value_error": "invalid",
}
# These messages of pydantic's repeat what was given.
_REPEATING = {"union_tag_invalid", "json_invalid", "enum"}

# By status: what the framework raised by itself, in words of ours.
_RAISED: dict[int, tuple[type[GatewayError], str, str]] = {
    400: (BadRequestError, "the request could not be read", "check how it is made"),
    401: (UnauthenticatedError, "nobody knows who asks", "send a bearer credential"),
    403: (ForbiddenError, "this is not allowed", ""),
    404: (NotFoundError, "there is nothing here", "check the path and the id"),
    405: (MethodNotAllowedError, "this takes another method", "see the header Allow"),
    408: (RequestTimeoutError, "the request did not arrive in time", "send it again"),
    409: (ConflictError, "the state of things does not allow it", "read it again"),
    412: (PreconditionFailedError, "it has changed since it was read", "read it again"),
    413: (PayloadTooLargeError, "the body is too long", "send less"),
    415: (UnsupportedMediaTypeError, "this type of body is not read", "send JSON"),
    422: (InvalidRequestError, "the request is not valid", ""),
    429: (QuotaExceededError, "too many requests", "wait, and ask again"),
    431: (HeadersTooLargeError, "the headers are too long", "send fewer"),
    503: (UnavailableError, "the service cannot answer now", "ask again later"),
}


def install_handlers(app: FastAPI) -> None:
    """Let an application answer whatever is raised with a problem document."""
    app.add_exception_handler(zg.ZeroGravityError, _known)
    app.add_exception_handler(HTTPException, _raised)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def as_gateway_error(error: zg.ZeroGravityError) -> GatewayError:
    """Return what a client is told of an error, which may be less than all of it.

    Args:
        error: One of the service's own, or the engine's or the journal's.
    """
    match error:
        case GatewayError():
            return error
        case zg.RunNotFoundError():
            return NotFoundError("there is no such job", "check its id")
        case zg.RunBusyError():
            return ConflictError(error.cause, "ask again")
        case zg.InputError() | zg.UnknownNameError():
            return InvalidRequestError(error.cause, error.remedy)
        case zg.JournalError():
            return UnavailableError("the journal cannot be reached", "ask again later")
        case _:
            return _mishap()


def _mishap() -> GatewayError:
    return GatewayError(
        "something went wrong in the service",
        "ask again; if it stays so, tell the operator the request id",
    )


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, zg.ZeroGravityError)
    told = as_gateway_error(error)
    if told.status >= 500 and told is not error:
        _report(request, error)
    return answer(told, request.scope)


async def _raised(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    if status < 400:
        return Response(status_code=status, headers=error.headers)
    if status in _RAISED:
        kind, cause, remedy = _RAISED[status]
        headers = dict(error.headers or {})
        if status == 405:  # the framework names the methods of one route only
            headers["Allow"] = _allowed(request)
        return answer(kind(cause, remedy), request.scope, headers)
    told = BadRequestError("the request is refused") if status < 500 else _mishap()
    return answer(told, request.scope, error.headers, status=status)


def _allowed(request: Request) -> str:
    """Return the methods that a path takes, by whichever of its routes."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= set(getattr(route, "methods", None) or ())
    return ", ".join(sorted(methods))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer(_refusal(error.errors()), request.scope)


async def _gone(request: Request, _: Exception) -> Response:
    """Answer nobody: the client left, or was cut off because it was too slow."""
    kind, cause, remedy = _RAISED[408]
    return answer(kind(cause, remedy), request.scope)


async def _unexpected(request: Request, error: Exception) -> Response:
    _report(request, error)
    return answer(_mishap(), request.scope)


def _report(request: Request, error: Exception) -> None:
    _log.error(
        "http.error",
        exc_info=error,
        extra={"request_id": request_id(request.scope), "method": request.method},
    )


def _refusal(errors: Sequence[Any]) -> GatewayError:
    if any(error["loc"][:1] == ("path",) for error in errors):
        # What no id looks like is nowhere, as an id that nobody has.
        return NotFoundError("there is nothing here", "check the path and the id")
    if any(error["type"] == "json_invalid" for error in errors):
        return MalformedJsonError("the body is not JSON", "send JSON, as UTF-8")
    faults = [_fault(error) for error in errors[:_MOST_FAULTS]]
    many = len(errors)
    return InvalidRequestError(
        "1 thing is wrong" if many == 1 else f"{many} things are wrong", "", *faults
    )


def _fault(error: Any) -> Fault:
    place, *names = error["loc"]
    if place not in _PLACES:
        place, names = "body", list(error["loc"])
    kind = error["type"]
    said = error["msg"].removeprefix("Value error, ")
    if kind in _REPEATING:
        said = "this is none of the allowed values"
    return Fault(_pointer(names), _CODES.get(kind, kind), said, place)


def _pointer(names: Sequence[Any]) -> str:
    return "".join(
        "/" + str(name)[:_LONGEST_NAME].replace("~", "~0").replace("/", "~1")
        for name in names
    )
