"""What bodies are made of, in and out: times, money, text and pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StrictStr,
)
from starlette.datastructures import URL

__all__ = ["Answer", "Asked", "MicroDollars", "Moment", "Page", "Text", "next_link"]

Row = TypeVar("Row")
# No control characters but tab, line feed and carriage return.
_PRINTED = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"


def _rfc3339(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


Moment = Annotated[
    AwareDatetime,
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
]
"""A time: RFC 3339, in UTC and milliseconds on the way out, with any offset in."""

MicroDollars = Annotated[StrictInt, Field(ge=0, le=2**53)]
"""Money, in millionths of a US dollar."""

Text = Annotated[StrictStr, Field(pattern=_PRINTED)]
"""Text as it was said, without control characters but tab and line ends."""


class Asked(BaseModel):
    """What a client sends: nothing in it that the service does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What the service answers."""

    model_config = ConfigDict(frozen=True)


class Page(Answer, Generic[Row]):
    """One page of a list.

    Args:
        data: The rows.
        has_more: Whether there are more.
        next_cursor: Leads to them.
    """

    data: Sequence[Row]
    has_more: bool
    next_cursor: str | None = None


def next_link(url: URL, cursor: str) -> str:
    """Return the value of ``Link`` that leads to the next page.

    Args:
        url: The address of this page.
        cursor: Leads to the next one.
    """
    there = url.include_query_params(cursor=cursor)
    target = there.path + (f"?{there.query}" if there.query else "")
    return f'<{target}>; rel="next"'
