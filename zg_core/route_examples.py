"""Read objectives that somebody labelled, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ._json import Json
from ._names import is_name, nearest
from ._objectives import check_objective
from .errors import InputError

__all__ = ["GENERAL", "MOST_BYTES", "PARTS", "Example", "of_part", "read_examples"]

GENERAL = "general"
"""The category of an objective that is of no other, and of one nobody can tell."""
PARTS = ("train", "test")
MOST_BYTES = 16_000_000
"""The largest file that is read."""
_MOST = 20_000
_KEYS = ("text", "label", "part", "kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An objective, and what it is.

    Attributes:
        text: The objective.
        label: Its category.
        part: ``train`` if a classifier may have learnt from it, ``test`` if none may;
            empty where the set is not parted.
        kind: What makes it hard, in a word; empty where nobody said.
    """

    text: str
    label: str
    part: str = ""
    kind: str = ""


def read_examples(
    content: bytes, source: str, labels: Collection[str] = ()
) -> tuple[Example, ...]:
    """Return the examples of a file: a JSON object on each line.

    Args:
        content: What the file holds.
        source: What it is called, for messages.
        labels: The labels there may be; `GENERAL` always may. Empty: any.

    Raises:
        InputError: If anything in it is wrong, with the line.
    """
    if len(content) > MOST_BYTES:
        raise InputError(
            f"{source} is larger than {MOST_BYTES / 1e6:.0f} MB",
            "give fewer examples",
            file=source,
        )
    found: dict[str, tuple[int, Example]] = {}
    for number, line in _lines(content, source):
        example = _example(line, number, source)
        if labels and example.label not in {*labels, GENERAL}:
            raise _unknown_label(example.label, number, source, labels)
        # Also equal are texts that differ in nothing a classifier should go by.
        same = " ".join(example.text.casefold().split())
        if same in found:
            raise _wrong(source, number, f"is line {found[same][0]} once more")
        if len(found) == _MOST:
            raise _wrong(source, number, f"is one too many: {_MOST:,} is most")
        found[same] = number, example
    if not found:
        raise InputError(
            f"{source} has no examples",
            'write one on each line: {"text": "Build a web app", "label": "technical"}',
            file=source,
        )
    return tuple(example for _, example in found.values())


def of_part(examples: tuple[Example, ...], part: str | None) -> tuple[Example, ...]:
    """Return the examples of a part.

    Args:
        examples: The whole set, of one example at least.
        part: Its name, or ``all``; `None` is ``test``, and all of a set that is not
            parted.

    Raises:
        InputError: If there are none.
    """
    parted = any(example.part for example in examples)
    wanted = part or ("test" if parted else "all")
    chosen = tuple(e for e in examples if wanted in ("all", e.part))
    if not chosen:
        raise InputError(
            f"no example is of the part {wanted!r}",
            'give each line a "part", or take them all: --part all',
        )
    return chosen


def _lines(content: bytes, source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers."""
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            problem = f"is not UTF-8 at byte {error.start + 1}"
            raise _wrong(source, number, problem) from error
        if text.strip():
            yield number, text


def _example(line: str, number: int, source: str) -> Example:
    try:
        row: Json = json.loads(line)
    except json.JSONDecodeError as error:
        problem = f"is not JSON: {error.msg} at character {error.colno}"
        raise _wrong(source, number, problem) from error
    except (ValueError, RecursionError) as error:  # too many digits, or too deep
        raise _wrong(source, number, "is not JSON that can be read") from error
    if not isinstance(row, dict):
        raise _wrong(source, number, "is no JSON object")
    for key in row:
        if key not in _KEYS:
            close = nearest(key, _KEYS)
            meant = f"; did you mean {close!r}?" if close else ""
            raise _wrong(source, number, f"has the unknown key {key!r:.60}{meant}")
    for key in ("text", "label"):
        if key not in row:
            raise _wrong(source, number, f"has no {key!r}")
    for key, value in row.items():
        if not isinstance(value, str):
            raise _wrong(source, number, f"has {key!r} that is no text")
    example = Example(**row)
    if problem := _objection(example):
        raise _wrong(source, number, problem)
    return example


def _objection(example: Example) -> str:
    """Return what is wrong with an example; empty if nothing is."""
    try:
        check_objective(example.text)
    except InputError as error:
        return f"cannot be an objective: {error.cause}"
    if not is_name(example.label):
        return (
            f"has the label {example.label!r:.60}, which is none: use a lower-case "
            "letter, then letters, digits, '-' and '_'"
        )
    if example.part and example.part not in PARTS:
        return f"has the part {example.part!r:.60}; there are {' and '.join(PARTS)}"
    if example.kind and not is_name(example.kind):
        return f"has the kind {example.kind!r:.60}, which is no word"
    return ""


def _unknown_label(
    label: str, number: int, source: str, labels: Collection[str]
) -> InputError:
    known = sorted({*labels, GENERAL})
    close = nearest(label, known)
    remedy = f"did you mean {close!r}?" if close else f"there are {', '.join(known)}"
    return InputError(
        f"{source}, line {number}: nothing is labelled {label!r} here",
        remedy,
        file=source,
        line=number,
    )


def _wrong(source: str, number: int, problem: str) -> InputError:
    return InputError(
        f"{source}, line {number}: it {problem}",
        "correct that line",
        file=source,
        line=number,
    )
