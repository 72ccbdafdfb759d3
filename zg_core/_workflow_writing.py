"""Write a workflow down as a file of it has it, in JSON or TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from typing import Any

from ._json import Json, JsonObject
from .errors import WorkflowError
from .usage import Limits
from .workflows import Repeat, Step, Workflow

__all__ = ["workflow_document", "workflow_toml"]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def workflow_document(workflow: Workflow) -> JsonObject:
    """Return a workflow as the JSON object that a file of it holds.

    What is as it is anyway is left out.
    """
    return {
        "name": workflow.name,
        **_given(workflow, "name", "steps"),
        "steps": [_step_document(step) for step in workflow.steps],
    }


def workflow_toml(workflow: Workflow) -> str:
    """Return a workflow as the TOML that a file of it holds.

    Raises:
        WorkflowError: If TOML has no word for something in it.
    """
    document = workflow_document(workflow)
    steps = document.pop("steps")
    lines = [*_lines(document)]
    for step in steps:
        try:
            lines += ["", "[[steps]]", *_step_lines(step)]
        except ValueError as error:
            raise WorkflowError(
                f"step {step['name']!r} holds {error}, for which TOML has no word",
                "write the workflow as JSON",
                step=step["name"],
            ) from error
    return "\n".join([*lines, ""])


# -- As a document ---------------------------------------------------------------------


def _step_document(step: Step) -> JsonObject:
    return {"name": step.name, **_given(step, "name")}


def _given(record: Any, *without: str) -> JsonObject:
    """Return the fields of a record that are not as they are anyway, as JSON."""
    return {
        field.name: _plain(value)
        for field in fields(record)
        if field.name not in without
        and (value := getattr(record, field.name)) != _default(field)
    }


def _default(field: Field[Any]) -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _plain(value: object) -> Json:
    if isinstance(value, tuple):
        return list(value)
    return _given(value) if isinstance(value, Limits | Repeat) else value


# -- As TOML ---------------------------------------------------------------------------


def _step_lines(step: JsonObject) -> Iterator[str]:
    tables = {name: value for name, value in step.items() if isinstance(value, dict)}
    yield from _lines({n: v for n, v in step.items() if n not in tables})
    for name, table in tables.items():
        yield ""
        yield f"[steps.{name}]"
        yield from _lines(table)


def _lines(table: JsonObject) -> Iterator[str]:
    for name, value in table.items():
        prose = isinstance(value, str) and "\n" in value
        yield f"{_key(name)} = {_paragraphs(value) if prose else _value(value)}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _quoted(name)


def _value(value: Json) -> str:
    """Write a value on one line.

    Raises:
        ValueError: If TOML has no word for it.
    """
    match value:
        case None:
            raise ValueError("a null")
        case str():
            return _quoted(value)
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            parts = (f"{_key(name)} = {_value(part)}" for name, part in value.items())
            return f"{{{', '.join(parts)}}}"
    return repr(value)


def _quoted(text: str) -> str:
    # What JSON escapes, TOML escapes in the same way, and one character more.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _paragraphs(text: str) -> str:
    lines = (_quoted(line)[1:-1] for line in text.split("\n"))
    content = "\n".join(lines).replace('\\"', '"').replace('"""', '""\\"')
    return f'"""\n{content}"""'
