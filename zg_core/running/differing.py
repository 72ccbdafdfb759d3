"""What is different between what was recorded and what is asked now, in words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator

from .._json import Json
from ..messages import Image, Message, Part, Reasoning, Text, ToolCall, ToolResult
from ..models import Request

__all__ = ["diff", "nearest_request", "ordinal", "request_lines", "tool_lines"]

_MOST_LINES = 200
_LONGEST_LINE = 1_000
_MOST_COMPARED = 50


def diff(recorded: Iterable[str], asked: Iterable[str]) -> str:
    """Return a unified diff of two lists of lines, cut where it gets long."""
    lines = [
        line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"
        for line in difflib.unified_diff(
            list(recorded), list(asked), "recorded", "asked now", lineterm=""
        )
    ]
    if len(lines) > _MOST_LINES:
        more = len(lines) - _MOST_LINES
        lines = [*lines[:_MOST_LINES], f"… and {more:,} more lines"]
    return "\n".join(lines)


def nearest_request(asked: Request, recorded: Iterable[Request]) -> Request | None:
    """Return the recorded request that was probably meant: the one most like it."""
    lines = list(request_lines(asked))
    matcher = difflib.SequenceMatcher(b=lines, autojunk=False)
    best, found = -1.0, None
    for _, request in zip(range(_MOST_COMPARED), recorded, strict=False):
        matcher.set_seq1(list(request_lines(request)))
        if (ratio := matcher.quick_ratio()) > best:
            best, found = ratio, request
    return found


def request_lines(request: Request) -> Iterator[str]:
    """Yield a request as lines of text, for a person to compare."""
    for message in request.messages:
        yield from _message_lines(message)
    for tool in request.tools:
        yield f"[tool {tool.name}]"
        yield from tool.description.splitlines()
        yield from _json_lines(tool.parameters)
    if request.output_schema is not None:
        yield "[output schema]"
        yield from _json_lines(request.output_schema)
    if request.max_output_tokens is not None:
        yield f"[max_output_tokens] {request.max_output_tokens}"
    if request.temperature is not None:
        yield f"[temperature] {request.temperature:g}"


def tool_lines(tool: str, arguments: Json) -> Iterator[str]:
    """Yield a tool call as lines of text."""
    yield f"[call of {tool}]"
    yield from _json_lines(arguments)


def _message_lines(message: Message) -> Iterator[str]:
    yield f"[{message.role}]"
    for part in message.parts:
        yield from _part_lines(part)


def _part_lines(part: Part) -> Iterator[str]:
    match part:
        case Text():
            yield from part.text.splitlines()
        case Image():
            yield f"[{part.media_type}, {len(part.data):,} letters of base64]"
        case Reasoning():
            yield f"[reasoning of {part.provider}]"
        case ToolCall():
            yield from tool_lines(part.name, part.arguments)
        case ToolResult():
            yield "[result]"
            yield from part.text.splitlines()


def _json_lines(value: Json) -> list[str]:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str).splitlines()


def ordinal(number: int) -> str:
    """Return a number's place in words: ``2nd``."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
