"""The JSON value in a model's answer, which may have words around it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .._json import Json

__all__ = ["parsed"]

_LONGEST = 2_000_000  # characters
_DEEPEST = 100  # levels; the journal can write about 250, with the event around it
_MOST_TRIES = 50
_FENCE = "```"


def parsed(text: str) -> Json:
    """Return the one JSON value of an answer: bare, in a fence, or an object in prose.

    Raises:
        ValueError: If there is none, or more than one, or it is none that can be kept;
            in words for a model.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise ValueError(f"it has {len(text):,} characters; {_LONGEST:,} is most")
    try:
        value = _whole(text)
    except json.JSONDecodeError as error:
        found = [*_fenced(text)] or [*_in_prose(text)]
        if not found:
            raise ValueError(f"it is no JSON: {error}") from error
        if len(found) > 1:
            raise ValueError("it holds several JSON values") from error
        value = found[0]
    _check_depth(value)
    _check_unicode(value)
    return value


def _fenced(text: str) -> Iterator[Json]:
    """Yield what is JSON within the fences that models like to put around it."""
    for block in text.split(_FENCE)[1::2]:
        try:
            yield _whole(block.partition("\n")[2])
        except json.JSONDecodeError:
            continue


def _in_prose(text: str) -> Iterator[Json]:
    """Yield the outermost objects in a text."""
    start = text.find("{")
    for _ in range(_MOST_TRIES):
        if start < 0:
            return
        try:
            value, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError:
            end = start + 1
        except RecursionError as error:
            raise ValueError("it is nested too deep") from error
        else:
            yield value
        start = text.find("{", end)


def _whole(text: str) -> Json:
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the key {twice[:90]!r} twice")
    return members


def _no_number(name: str) -> Json:
    raise ValueError(f"{name} is no JSON number")


def _decimal(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {digits[:90]} is too large")
    return number


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError as error:
        raise ValueError(f"a number has {len(digits):,} digits") from error


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_constant=_no_number,
    parse_float=_decimal,
    parse_int=_integer,
)


def _check_depth(value: Json) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        below: list[Json] = []
        for part in level:
            if isinstance(part, dict):
                below += part.values()
            elif isinstance(part, list):
                below += part
        if not below:
            return
        level = below
    raise ValueError(f"it is nested deeper than {_DEEPEST} levels")


def _check_unicode(value: Json) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it holds half a surrogate pair") from error
