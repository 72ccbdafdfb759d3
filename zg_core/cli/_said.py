"""What people are asked and what they say: as lines to read, and as values."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from pathlib import Path

from zg_core._json import Json, JsonObject
from zg_core._names import local_name
from zg_core._validation import argument_errors
from zg_core.errors import InputError, PluginError
from zg_core.questions import OpenQuestion

from ._exactly import exactly, visibly
from ._words import local_time, on_one_line, place

__all__ = [
    "asked_lines",
    "command_for",
    "edited",
    "in_short",
    "name_of_user",
    "value_of",
]


_LONGEST = 300


def asked_lines(question: OpenQuestion) -> Iterator[str]:
    """Yield what a person must see to decide: exactly what would be done.

    The tool and the digest stand last, however much there is to read; and what others
    wrote is quoted, so that it cannot pass for what we say.
    """
    where = f"step {place(question.step)}, {local_name(question.agent)}"
    if question.kind == "input":
        yield f"{where} asks:"
        yield from _quoted(question.question)
        yield _wanted(question.schema)
    else:
        yield f"{where} asks for leave:"
        yield from _quoted(question.reason)
        yield exactly(question.arguments)
        does = f"call {question.tool} with this" if question.tool else "do this"
        yield f"would {does} (digest {question.digest[:12]})"
    if question.expires_at:
        then = "it is refused" if question.on_expiry == "reject" else "the step fails"
        yield f"without an answer by {local_time(question.expires_at)} {then}"


def _quoted(text: str) -> Iterator[str]:
    return (f"> {line}" for line in visibly(text).splitlines())


def _wanted(schema: JsonObject) -> str:
    """Say what an answer must be."""
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return f"one of: {', '.join(map(_option, options))}"
    if not schema or schema == {"type": "string"}:
        return "as text"
    kind = "text" if _is_text(schema) else "JSON"
    return f"as {kind} that fits: {exactly(schema)}"


def _option(value: Json) -> str:
    plain = isinstance(value, str) and value.isprintable() and "," not in value
    return str(value) if plain else exactly(value, indent=None)


def _is_text(schema: JsonObject) -> bool:
    return not schema or schema.get("type") == "string"


def in_short(question: OpenQuestion) -> str:
    """Return a question as one line, cut where it gets long."""
    if question.kind == "input":
        text = on_one_line(visibly(question.question))
    else:
        what = exactly(question.arguments, indent=None)
        text = f"{question.tool or 'leave'} {what}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def command_for(question: OpenQuestion) -> str:
    """Return the command that answers a question."""
    run = f"{question.run_id} {question.call}"
    if question.kind == "input":
        return f"zg runs answer {run} VALUE"
    return f"zg runs approve {run}  # or reject"


def edited(text: str) -> JsonObject:
    """Return arguments that were edited; ``@FILE`` reads them.

    Raises:
        InputError: If they are no JSON object, or the file cannot be read.
    """
    how = 'write all of them, as in {"path": "notes.md"}, or @ and a file with them'
    try:
        value = _parsed(_content(text))
    except ValueError as error:
        raise InputError(f"the edited arguments are no JSON: {error}", how) from error
    if not isinstance(value, dict):
        raise InputError("the edited arguments are no JSON object", how)
    return value


def value_of(text: str, question: OpenQuestion) -> Json:
    """Return an answer; ``@FILE`` reads it.

    It is text where text is asked for and JSON elsewhere, or the other of the two if
    only that fits.

    Raises:
        InputError: If the file cannot be read.
    """
    content = _content(text)
    try:
        read: tuple[Json, ...] = _parsed(content), content
    except ValueError:
        return content
    if _is_text(question.schema):
        read = read[::-1]
    schema = question.schema or {"type": "string"}
    return next((value for value in read if _fits(schema, value)), read[0])


def _fits(schema: JsonObject, value: Json) -> bool:
    try:
        return not argument_errors(schema, value)
    except PluginError:  # which whoever takes the answer says
        return False


def name_of_user() -> str:
    """Return who decides here, as the system knows them; empty if it does not."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return ""


def _content(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(
            f"the file {text[1:]!r} cannot be read: {why}",
            "name a text file after the @",
        ) from error


def _parsed(text: str) -> Json:
    """Read JSON.

    Raises:
        ValueError: If it is none.
    """
    try:
        value: Json = json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    return value


def _no_number(name: str) -> Json:
    raise ValueError(f"{name} is no JSON number")
