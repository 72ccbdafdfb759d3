"""Bodies that are JSON in exactly one reading, or that are refused.

The parser takes no lone surrogates, no NaN, no byte that is not UTF-8 and no name
twice; what else would be read differently elsewhere is judged here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from functools import cached_property
from math import isfinite
from typing import Any, ClassVar

import jiter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

import zg_core as zg

from ..errors import (
    Fault,
    InvalidRequestError,
    MalformedJsonError,
    UnsupportedMediaTypeError,
)

__all__ = ["JsonRoute", "read_json"]

_DEEPEST = 32
_LARGEST = 2**53
_WHERE = re.compile(r" at line \d+ column \d+$")
_TYPE = re.compile(r'application/json *(; *charset="?utf-8"?)? *', re.IGNORECASE)


def read_json(body: bytes) -> zg.Json:
    """Return what a body says.

    Args:
        body: The bytes, as they came.

    Raises:
        MalformedJsonError: If they are no JSON, or JSON that others may read
            differently: a name twice, more than 32 levels, a number beyond 2^53.
    """
    try:
        value: zg.Json = jiter.from_json(
            body, allow_inf_nan=False, cache_mode="none", catch_duplicate_keys=True
        )
    except ValueError as error:
        # The message itself may repeat a name that was given.
        where = _WHERE.search(str(error))
        raise MalformedJsonError(
            f"the body is not JSON that can be read{where.group() if where else ''}",
            "send JSON as UTF-8, with no name twice, no NaN and no lone surrogate",
        ) from error
    _judge(value, _DEEPEST)
    return value


def _judge(value: zg.Json, levels: int) -> None:
    if isinstance(value, (dict, list)):
        if not levels:
            raise MalformedJsonError(
                f"the body has more than {_DEEPEST} levels", "send it flatter"
            )
        for part in value.values() if isinstance(value, dict) else value:
            _judge(part, levels - 1)
    elif isinstance(value, (int, float)) and not _exact(value):
        raise MalformedJsonError(
            "a number is beyond what every reader keeps exactly",
            "stay within 2^53, or send it as text",
        )


def _exact(number: int | float) -> bool:
    if isinstance(number, float):
        return isfinite(number)
    return -_LARGEST <= number <= _LARGEST


class JsonRoute(APIRoute):
    """A route whose body, where it has one, is strict JSON, and whose query is known.

    Attributes:
        query_prefixes: What names of the query may begin with beside those that are
            declared; a subclass has some where it reads them itself.
    """

    query_prefixes: ClassVar[tuple[str, ...]] = ()

    @cached_property
    def _query_names(self) -> frozenset[str]:
        names: set[str] = set()
        waiting = [self.dependant]
        while waiting:
            dependant = waiting.pop()
            waiting.extend(dependant.dependencies)
            for field in dependant.query_params:
                model = field.field_info.annotation
                names |= set(getattr(model, "model_fields", ())) or {field.alias}
        return frozenset(names)

    def check_query(self, names: Iterable[str]) -> None:
        """Refuse what the route would not look at: a filter misspelt shows too much.

        Args:
            names: The names in the query, each as often as it is there.

        Raises:
            InvalidRequestError: If the route does not know one, or one is there twice.
        """
        faults = []
        for name, times in Counter(names).items():
            if name.startswith(self.query_prefixes):
                continue
            if name not in self._query_names:
                faults.append(_fault(name, "unknown_parameter", "there is no such one"))
            elif times > 1:
                faults.append(_fault(name, "repeated_parameter", "is there twice"))
        if faults:
            raise InvalidRequestError(
                "the query has a parameter that is not known here, or has one twice",
                "give each once, and check how it is written",
                *faults[:20],
            )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers; the body is read and judged before anything else is."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def answer(request: Request) -> Response:
            return await handle(await _with_body(request))

        return answer


def _fault(name: str, code: str, message: str) -> Fault:
    return Fault(f"/{name[:100]}", code, message, "query")


class _Judged(Request):
    """A request whose body has been read."""

    judged: zg.Json = None

    async def json(self) -> zg.Json:
        return self.judged


async def _with_body(request: Request) -> Request:
    judged = _Judged(request.scope, request.receive)
    kind = request.headers.get("content-type")
    if kind is not None and not _TYPE.fullmatch(kind):
        raise _other_type()
    body = await judged.body()
    if body:
        if kind is None:
            raise _other_type()
        judged.judged = read_json(body)
    return judged


def _other_type() -> UnsupportedMediaTypeError:
    return UnsupportedMediaTypeError(
        "the body is not said to be JSON", "send 'Content-Type: application/json'"
    )
