"""The header by which a client says that it asks for the same thing again."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from starlette.requests import Request

from ..errors import Fault, InvalidRequestError
from ..identity.principals import Principal
from ..jobs.keys import Key, digest_of

__all__ = ["idempotency_key"]

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_QUOTED = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"')


def idempotency_key(request: Request, who: Principal, asked: Any) -> Key | None:
    """Return what a request is known by; `None` if the client says nothing.

    Args:
        request: The request.
        who: Who asks.
        asked: What for, as JSON.

    Raises:
        InvalidRequestError: If it is no key, or there are several.
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    quoted = _QUOTED.fullmatch(given[0])
    key = quoted.group(1) if quoted else given[0]
    if len(given) > 1 or not _KEY.fullmatch(key):
        raise InvalidRequestError(
            "the idempotency key is not valid",
            "send one, of 1 to 255 visible ASCII characters",
            Fault("/Idempotency-Key", "pattern", "is no key", "header"),
        )
    return Key(
        tenant=who.tid,
        actor=who.actor,
        route=f"{request.method} {request.url.path}",
        sha256=hashlib.sha256(key.encode()).hexdigest(),
        request=digest_of(asked),
    )
