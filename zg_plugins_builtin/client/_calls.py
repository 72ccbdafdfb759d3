"""One request of a client, without how it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any
from urllib.parse import quote

from zg_core.plugin_api import InputError

__all__ = ["Answer", "Call", "moment", "path_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked for.

    Args:
        method: The method.
        path: The path; see `path_of`.
        query: What stands after the question mark; `None` is left out.
        body: JSON to send.
        headers: More headers.
        known: Whether the service knows a repetition of it for one, by its key.
        public: Whether it takes no credential.
        seconds: For how long the answer may be awaited.
        within: For how long it may be sent again.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    known: bool = False
    public: bool = False
    seconds: float = 30.0
    within: float = inf

    @property
    def repeatable(self) -> bool:
        """Whether it does no more if it is done twice."""
        return self.known or self.method in ("GET", "DELETE", "PATCH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a service answered, and did.

    Args:
        status: The status, below 400.
        headers: The headers.
        body: The body.
        document: The body as JSON; `None` where it is none.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    document: Any = None


def path_of(*parts: str) -> str:
    """Return a path of the API; no part of it can lead elsewhere.

    Raises:
        InputError: If a part is empty, or means another folder.
    """
    for part in parts:
        if part in ("", ".", ".."):
            raise InputError(f"{part!r} is no id", "give it as the service said it")
    return "/api/v1/" + "/".join(quote(part, safe="") for part in parts)


def moment(given: datetime) -> str:
    """Return a time as it is sent; one without an offset is this machine's."""
    return (given if given.tzinfo else given.astimezone()).isoformat()
