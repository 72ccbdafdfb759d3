"""What an answer, or none, means for a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..errors import CallbackForbiddenError, GatewayError, NoAnswerError
from .schedule import read_retry_after

__all__ = ["Outcome", "of_answer", "of_error"]

_GONE = 410
_HEARD = (429, 502, 503, 504)
"""Statuses whose ``Retry-After`` is honoured."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        name: A word of a small set: ``2xx``, ``3xx``, ``4xx``, ``5xx``,
            ``timeout``, ``dns``, ``tls``, ``connection``, ``blocked``, ``sealed``
            or ``lost`` (who made it was never heard of again).
        gone: Whether nothing is wanted here any more.
        wanted: How long the receiver asks to wait.
    """

    name: str
    gone: bool = False
    wanted: timedelta | None = None

    @property
    def delivered(self) -> bool:
        """Whether the message has arrived."""
        return self.name == "2xx"

    @property
    def host_fails(self) -> bool | None:
        """Whether the whole host does not work now; None says nothing of it."""
        if self.name in ("blocked", "sealed"):
            return None
        return self.wanted is not None or self.name not in ("2xx", "3xx", "4xx")


def of_answer(status: int, headers: Mapping[str, str], now: datetime) -> Outcome:
    """Return what an answer means; only 2xx is one that it arrived."""
    name = f"{status // 100}xx" if 200 <= status < 600 else "connection"
    wanted = None
    if status in _HEARD:
        wanted = read_retry_after(headers.get("retry-after"), now)
    return Outcome(name, gone=status == _GONE, wanted=wanted)


def of_error(error: GatewayError) -> Outcome:
    """Return what it means that there is no answer."""
    match error:
        case NoAnswerError():
            return Outcome(error.reason)
        case CallbackForbiddenError():
            return Outcome("blocked")
    return Outcome("sealed")
