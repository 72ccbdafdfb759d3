"""Headers as they came, for what looks at each request before anything else does."""

from __future__ import annotations

from starlette.types import Scope

__all__ = ["first"]


def first(scope: Scope, name: bytes, default: str = "") -> str:
    """Return a header of a request; the first, where it is there more than once.

    Args:
        scope: The request.
        name: The header, in small letters.
        default: What it is where it is not there.
    """
    for known, value in scope["headers"]:
        if known == name:
            text: str = value.decode("latin-1")
            return text
    return default
