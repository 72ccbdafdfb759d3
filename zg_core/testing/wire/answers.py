"""What the wire server was asked, and what it shall answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..._json import Json
from ...models import Response

__all__ = ["Fault", "WireAnswer", "WireRequest"]


@dataclass(slots=True)
class WireRequest:
    """What a client asked.

    Attributes:
        number: Which request it was, from 1.
        method: The HTTP method.
        path: The path, with its query.
        headers: The headers, their names in lower case.
        body: The body, as JSON; `None` if it is none.
        connection: The client's port: the same for requests over one connection.
        answered: Whether the server has sent all of its answer.
    """

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: Json
    connection: int
    answered: bool = False

    @property
    def prompt(self) -> str:
        """The text of the last message."""
        last = (self.body.get("messages") or self.body["input"])[-1]
        content = last.get("content", last.get("output"))
        if isinstance(content, str):
            return content
        return "".join(part.get("text", "") for part in content or ())

    @property
    def model(self) -> str:
        """The model that is asked."""
        return str(self.body.get("model", "")) if isinstance(self.body, dict) else ""

    @property
    def streamed(self) -> bool:
        """Whether the answer is wanted in pieces."""
        return isinstance(self.body, dict) and bool(self.body.get("stream"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with an answer.

    Attributes:
        status: The HTTP status; any but 200 comes with the vendor's error document.
        message: What the error document says.
        code: Its code (OpenAI) or type (Anthropic).
        retry_after: The header ``Retry-After``: seconds, or an HTTP date.
        headers: Further headers.
        body: What to send instead of a document, as it is.
        repeat: How often the body is sent, one after the other.
        raw: What to send instead of all that HTTP asks for, head and body.
        answer: What would have been answered.
        delay_seconds: How long it takes to begin.
        drip_seconds: How long each byte of the body takes, or of *raw*.
        cut: Which part of the body is sent, from 0 to 1, before the *end*; `None`
            is all of it, and for other ends than ``close`` not even the head.
        end: Then the answer ends as if it were whole, the connection is reset, or
            nothing more comes.
    """

    status: int = 200
    message: str = "something went wrong"
    code: str = ""
    retry_after: float | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    repeat: int = 1
    raw: bytes | None = None
    answer: str | Response = "unharmed"
    delay_seconds: float = 0.0
    drip_seconds: float = 0.0
    cut: float | None = None
    end: Literal["close", "reset", "hang"] = "close"


WireAnswer: TypeAlias = str | Response | Fault
"""What the server may answer."""
