"""What may be written in a workflow's file: every field, and what its value may be."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType
from typing import Any, get_args

from ._names import nearest
from ._text_lines import Place
from .workflows import OnError

__all__ = ["LIMITS", "REPEAT", "STEP", "WORKFLOW", "Problem", "read_fields"]


@dataclass(frozen=True, slots=True)
class Field:
    """What the value of a field may be.

    Attributes:
        expected: What it is, for people.
        fits: Tells whether a value is that.
        example: One, as TOML and JSON have it.
    """

    expected: str
    fits: Callable[[object], bool]
    example: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, and where.

    Attributes:
        place: Where it stands.
        cause: What is wrong, as errors have it.
        remedy: What can be done about it.
    """

    place: Place
    cause: str
    remedy: str


def _is_text(value: object) -> bool:
    return isinstance(value, str) and _can_be_written(value)


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(part) and part for part in value)


def _is_amount(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < 1e18 and isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_amount(value)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_table, value))


def _is_plain_table(value: object) -> bool:
    return isinstance(value, dict) and _can_be_written(value)


def _can_be_written(value: object) -> bool:
    """Tell whether a value is JSON, and its text UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError):
        return False
    return True


_TEXT = Field("text", _is_text, '"in quotes"')
_NAMES = Field("a list of names", _is_list_of_names, '["plan", "look"]')
_FLAG = Field("true or false", lambda value: isinstance(value, bool), "true")
_AMOUNT = Field("a number above zero", _is_amount, "0.5")
_COUNT = Field("a whole number above zero", _is_count, "3")
_ON_ERROR = Field(
    "'fail', 'skip' or 'fallback'", lambda v: v in get_args(OnError), '"skip"'
)

WORKFLOW: Mapping[str, Field] = MappingProxyType(
    {
        "name": _TEXT,
        "description": _TEXT,
        "routed": _FLAG,
        "left_out": _NAMES,
        "steps": Field(
            "a list of tables",
            _is_list_of_tables,
            "[[steps]] above the fields of each step",
        ),
    }
)
STEP: Mapping[str, Field] = MappingProxyType(
    {
        "name": _TEXT,
        "agent": _TEXT,
        "needs": _NAMES,
        "prompt": _TEXT,
        "model": _TEXT,
        "on_error": _ON_ERROR,
        "timeout_seconds": _AMOUNT,
        "limits": Field("a table", _is_table, "{usd = 0.5, calls = 10}"),
        "when": _TEXT,
        "for_each": _TEXT,
        "max_items": _COUNT,
        "parallel": _COUNT,
        "repeat": Field("a table", _is_table, '{until = "output.approved"}'),
        "tools": _NAMES,
        "output_schema": Field(
            "a JSON Schema of plain values", _is_plain_table, '{type = "object"}'
        ),
        "max_output_tokens": _COUNT,
    }
)
LIMITS: Mapping[str, Field] = MappingProxyType(
    {"usd": _AMOUNT, "tokens": _COUNT, "calls": _COUNT, "seconds": _AMOUNT}
)
REPEAT: Mapping[str, Field] = MappingProxyType(
    {"until": _TEXT, "back_to": _TEXT, "rounds": _COUNT}
)


def read_fields(
    table: Mapping[str, Any],
    fields: Mapping[str, Field],
    what: str,
    place: Place,
    problems: list[Problem],
    *,
    needed: Collection[str] = (),
) -> dict[str, Any]:
    """Return the values of a table that are as they may be.

    Args:
        table: The table.
        fields: What may be in it.
        what: What it is, for people: ``"step 'plan'"``.
        place: Where it stands.
        problems: Where to put what is wrong with it.
        needed: The fields it cannot be without.
    """
    values = {}
    for name, value in table.items():
        field = fields.get(name)
        if field is None:
            close = nearest(name, fields)
            remedy = f"did you mean {close!r}?" if close else _known(fields)
            problems.append(
                Problem((*place, name), f"{what} has no field {name!r}", remedy)
            )
        elif not field.fits(value):
            cause = f"{name!r} of {what} must be {field.expected}, not {_short(value)}"
            remedy = f"write it like this: {field.example}"
            problems.append(Problem((*place, name), cause, remedy))
        else:
            values[name] = value
    problems += [
        Problem(place, f"{what} has no {name!r}", f"add it as {fields[name].expected}")
        for name in needed
        if name not in table
    ]
    return values


def _known(fields: Mapping[str, Field]) -> str:
    return f"its fields are: {', '.join(fields)}"


def _short(value: object) -> str:
    text = repr(value).encode("ascii", "replace").decode()
    return text if len(text) <= 60 else f"{text[:59]}…"
