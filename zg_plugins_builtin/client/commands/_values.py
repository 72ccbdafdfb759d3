"""Values that people type: arguments, and answers."""

from __future__ import annotations

import json
from pathlib import Path

import zg_core as zg

__all__ = ["content", "edited", "value_of"]


def edited(text: str) -> zg.JsonObject:
    """Return arguments that were edited; ``@FILE`` reads them.

    Raises:
        InputError: If they are no JSON object, or the file cannot be read.
    """
    how = 'write all of them, as in {"path": "notes.md"}, or @ and a file with them'
    try:
        value = json.loads(content(text))
    except (ValueError, RecursionError) as error:
        raise zg.InputError(
            f"the edited arguments are no JSON: {error}", how
        ) from error
    if not isinstance(value, dict):
        raise zg.InputError("the edited arguments are no JSON object", how)
    return value


def value_of(text: str, schema: zg.JsonObject) -> zg.Json:
    """Return an answer; ``@FILE`` reads it.

    It is text where text is asked for, and elsewhere JSON if it is any.

    Raises:
        InputError: If the file cannot be read.
    """
    said = content(text)
    if not schema or schema.get("type") == "string":
        return said
    try:
        value: zg.Json = json.loads(said)
    except (ValueError, RecursionError):
        return said
    return value


def content(text: str) -> str:
    """Return a text, or that of the file after an ``@``.

    Raises:
        InputError: If the file cannot be read.
    """
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise zg.InputError(
            f"the file {text[1:]!r} cannot be read: {why}",
            "name a text file after the @",
        ) from error
