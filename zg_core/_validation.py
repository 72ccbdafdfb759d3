"""Whether a JSON value fits a JSON Schema, told in words a model can act on.

Draft 2020-12, in a bounded number of operations whatever the schema and the value:
patterns are matched by RE2, ``format`` is not evaluated, nothing is fetched.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from ._json import Json, JsonObject
from ._patterns import searcher
from ._schema_limits import checked_text
from .errors import PluginError

if TYPE_CHECKING:
    from fractions import Fraction

    import pydantic
    from jsonschema.exceptions import SchemaError, ValidationError
    from jsonschema.protocols import Validator

__all__ = ["argument_errors", "typed_errors"]

_MOST_ERRORS = 10
_LONGEST_ERROR = 300  # characters
_MOST_WORK = 50_000
"""How many rules may be looked at; it takes up to a second."""

Rule: TypeAlias = Callable[[Any, Any, Any, Any], Iterator[Any] | None]


def argument_errors(schema: JsonObject, value: Json) -> list[str]:
    """Say in what a JSON value does not fit a schema, in words for a model.

    Each message begins with the place: ``steps[2].title: 'x' is too short``. There
    are at most ten, and none is longer than 300 characters. A value that takes too
    much work to judge does not fit.

    Raises:
        PluginError: If the schema itself is none, or may not be used.
    """
    from jsonschema.exceptions import best_match

    validator = _validator(checked_text(schema))
    token = _WORK.set([_MOST_WORK])
    try:
        found = [*islice(validator.iter_errors(value), _MOST_ERRORS)]
        # Of an anyOf, what was probably meant.
        return [_message(best_match([error])) for error in found]
    except _TooMuchError:
        return ["it is too large to be checked; make it smaller"]
    except RecursionError:
        return ["it is nested too deep; make it flatter"]
    except ValueError as error:  # of numbers with thousands of digits
        return [f"it cannot be checked: {error}"[:_LONGEST_ERROR]]
    finally:
        _WORK.reset(token)


def typed_errors(error: pydantic.ValidationError) -> list[str]:
    """Say in what a value does not fit a type, as `argument_errors` does."""
    return [
        _worded(tuple(problem["loc"]), problem["msg"])[:_LONGEST_ERROR]
        for problem in error.errors(include_url=False)[:_MOST_ERRORS]
    ]


# -- The validator -------------------------------------------------------------------


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import SchemaError
    from referencing import Registry

    parsed = json.loads(schema)
    try:
        # Its formats would have Python's engine compile the patterns.
        Draft202012Validator.check_schema(parsed, format_checker=FormatChecker([]))
    except SchemaError as error:
        raise PluginError(
            f"a JSON Schema is not valid: {_message(error)}",
            "correct it; the draft is 2020-12",
        ) from error
    parsed.pop("$id", None)
    # Given a registry of its own it does not fetch what is not in there.
    validator: Validator = _bounded_kind()(parsed, registry=Registry())
    return validator


@lru_cache(maxsize=1)
def _bounded_kind() -> Any:
    """Return the library's validator with each of its rules bounded."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    rules: dict[str, Rule] = {
        **Draft202012Validator.VALIDATORS,
        "multipleOf": _multiple_of,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "uniqueItems": _unique_items,
    }
    rules["additionalProperties"] = _beside_patterns(rules["additionalProperties"])
    extended: Callable[..., Any] = extend
    return extended(
        Draft202012Validator,
        {name: _counted(name, rule) for name, rule in rules.items()},
    )


class _TooMuchError(Exception):
    """More work was asked for than a value is worth."""


_WORK: ContextVar[list[int]] = ContextVar("work")


def _counted(name: str, rule: Rule) -> Rule:
    """Return a rule that counts what it costs, and ends all when it is too much."""

    def counted(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        left = _WORK.get()
        left[0] -= _cost(name, wanted, value)
        if left[0] < 0:
            raise _TooMuchError
        for error in rule(validator, wanted, value, schema) or ():
            if not error.relative_schema_path:
                left[0] -= _weight(value)  # which its message repeats
            yield error

    return counted


def _cost(name: str, wanted: Any, value: Any) -> int:
    """Say how much work one rule is by itself, without what it applies below."""
    if name in ("enum", "const"):
        return _weight(wanted)
    if name == "uniqueItems":
        return _weight(value)
    own = len(wanted) if isinstance(wanted, list | dict) else 1
    if name == "pattern":
        return own + (len(value) // 64 if isinstance(value, str) else 0)
    if name == "patternProperties":
        return own * (1 + len(value)) if isinstance(value, dict) else 1
    return own + (len(value) // 8 if isinstance(value, list | dict) else 0)


def _weight(value: Any) -> int:
    """Say how much work it is to go through a value."""
    weight, waiting = 0, [value]
    while waiting:
        part = waiting.pop()
        weight += 1
        if isinstance(part, dict):
            waiting += part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, str):
            weight += len(part) // 64
    return weight


# -- Rules of our own ----------------------------------------------------------------


def _pattern(_: Any, wanted: str, value: Any, __: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if isinstance(value, str) and not searcher(wanted)(value):
        yield ValidationError(f"{value!r} does not match {wanted!r}")


def _pattern_properties(
    validator: Any, wanted: JsonObject, value: Any, _: Any
) -> Iterator[Any]:
    if not isinstance(value, dict):
        return
    for pattern, below in wanted.items():
        found = searcher(pattern)
        for name, part in value.items():
            if found(name):
                yield from validator.descend(part, below, name, pattern)


def _beside_patterns(rule: Rule) -> Rule:
    """Return ``additionalProperties`` that leaves matching names to RE2."""

    def additional(
        validator: Any, wanted: Any, value: Any, schema: Any
    ) -> Iterator[Any]:
        patterns = [searcher(each) for each in schema.get("patternProperties", ())]
        if patterns and isinstance(value, dict):
            value = {
                name: part
                for name, part in value.items()
                if not any(found(name) for found in patterns)
            }
            schema = {"properties": schema.get("properties", {})}
        yield from rule(validator, wanted, value, schema) or ()

    return additional


def _multiple_of(_: Any, wanted: float, value: Any, __: Any) -> Iterator[Any]:
    """Judge decimal numbers as they are written; floats would overflow, and err."""
    from jsonschema.exceptions import ValidationError

    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    finite = isinstance(value, int) or math.isfinite(value)
    if not finite or _exactly(value) % _exactly(wanted):
        yield ValidationError(f"{value!r} is not a multiple of {wanted!r}")


def _exactly(number: float) -> Fraction:
    from fractions import Fraction

    return Fraction(number if isinstance(number, int) else repr(number))


def _unique_items(_: Any, wanted: bool, value: Any, __: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if not wanted or not isinstance(value, list):
        return
    if len({_hashable(item) for item in value}) < len(value):
        yield ValidationError(f"{value!r} has non-unique elements")


def _hashable(value: Json) -> Any:
    """Return what is equal where JSON values are: ``1`` and ``1.0``, not ``true``."""
    if isinstance(value, dict):
        return frozenset((name, _hashable(part)) for name, part in value.items())
    if isinstance(value, list):
        return ("list", *map(_hashable, value))
    return ("bool", value) if isinstance(value, bool) else value


# -- In words ------------------------------------------------------------------------


def _message(error: ValidationError | SchemaError) -> str:
    text = error.message
    if len(text) > _LONGEST_ERROR - 100:
        rule = f"{error.validator}: {json.dumps(error.validator_value)}"
        text = f"{_short(repr(error.instance))} does not fit {_short(rule)}"
    return _worded(tuple(error.absolute_path), text)


def _worded(path: tuple[str | int, ...], text: str) -> str:
    place = _place(path)
    return f"{_short(place)}: {text}" if place else text


def _place(path: tuple[str | int, ...]) -> str:
    """Write a path as ``steps[2].title``; the whole value has none."""
    text = ""
    for part in path:
        if isinstance(part, str) and part.isidentifier():
            text += f".{part}"
        else:
            text += f"[{json.dumps(part)}]"
    return text.removeprefix(".")


def _short(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:89]}…"
