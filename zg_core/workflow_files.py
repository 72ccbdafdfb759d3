"""Read workflows from files in TOML or JSON, and say on which line one is wrong."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from errno import EFBIG, EINVAL
from pathlib import Path
from typing import Any

from ._json import Json, JsonObject
from ._names import nearest
from ._text_lines import Place, TextLines
from ._workflow_form import LIMITS, REPEAT, STEP, WORKFLOW, Problem, read_fields
from .errors import InputError, WorkflowError
from .usage import Limits
from .workflows import Repeat, Step, Workflow

__all__ = [
    "SUFFIXES",
    "WorkflowText",
    "load_workflow",
    "read_workflow",
    "workflow_file",
    "workflow_text",
]

SUFFIXES = (".toml", ".json")
_LARGEST = 500_000  # bytes of a file
_MOST_STEPS = 1_000
_UNTIL = ("until",)
_DIGITS = re.compile(r"[0-9_]{4000}")
_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class WorkflowText:
    """A workflow as somebody wrote it, and all that is wrong with it.

    Attributes:
        workflow: The workflow; `None` if it is not well formed.
        problems: What is wrong, in order; each says where.
        lines: Where everything in it stands.
        file: The file it is from; empty if there is none.
    """

    workflow: Workflow | None
    problems: tuple[WorkflowError, ...]
    lines: TextLines | None
    file: str

    def error(self, problem: Problem, **details: Any) -> WorkflowError:
        """Return something that is wrong with it as an error that says where."""
        line = (self.lines.line(problem.place) or 1) if self.lines else None
        return _error(problem.cause, problem.remedy, self.file, line, **details)


def load_workflow(path: str | Path) -> Workflow:
    """Return the workflow that a file holds.

    Args:
        path: A file in TOML; or in JSON, if its name ends so or its text is an object.

    Raises:
        InputError: If it cannot be read.
        WorkflowError: If it is no workflow that is well formed; says on which line.
    """
    return _well_formed(workflow_file(path))


def read_workflow(text: str) -> Workflow:
    """Return the workflow that a text in TOML or JSON is.

    Raises:
        WorkflowError: If it is none that is well formed; says on which line.
    """
    return _well_formed(workflow_text(text))


def workflow_file(path: str | Path) -> WorkflowText:
    """Return what a file holds, with all that is wrong with it.

    Raises:
        InputError: If it cannot be read.
    """
    path = Path(path)
    try:
        text = _content(path).decode("utf-8-sig")
    except OSError as error:
        problem = error.strerror
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except ValueError:
        problem = "no file can be called that"
    else:
        is_json = path.suffix.lower() == ".json" or None
        return workflow_text(text, file=str(path), is_json=is_json)
    cause = f"the workflow {path} cannot be read: {problem}"
    raise InputError(cause, _likely(path), file=str(path))


def _content(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: If it cannot be read, or is too large.
        ValueError: If no file can be called that.
    """
    if path.exists() and not path.is_file():
        # A pipe could keep whoever opens it waiting.
        raise OSError(EINVAL, "it is no file")
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise OSError(EFBIG, f"it is larger than {_LARGEST:,} bytes")
    return content


def _likely(path: Path) -> str:
    """Say which file was probably meant, if there is one."""
    with suppress(OSError, ValueError):
        others = [p.name for p in path.parent.iterdir() if p.suffix in SUFFIXES]
        if (close := nearest(path.name, others)) and close != path.name:
            return f"did you mean {path.with_name(close)}?"
    return "name a file in TOML or JSON; `zg workflows new NAME` writes one"


def workflow_text(
    text: str, *, file: str = "", is_json: bool | None = None
) -> WorkflowText:
    """Return what a text in TOML or JSON says, with all that is wrong with it.

    Args:
        text: The text.
        file: The file it is from, for errors.
        is_json: Whether it is JSON; as it looks, if `None`.
    """
    if is_json is None:
        is_json = text.lstrip().startswith("{")
    try:
        lines = TextLines(text, is_json=is_json)
        document = _parsed(text, lines, file, is_json=is_json)
        problems: list[Problem] = []
        workflow = _workflow(document, problems)
    except WorkflowError as error:
        return WorkflowText(None, (error,), None, file)
    found = WorkflowText(workflow, (), lines, file)
    return replace(found, problems=tuple(map(found.error, problems)))


def _well_formed(text: WorkflowText) -> Workflow:
    if text.workflow is None:
        raise text.problems[0]
    return text.workflow


def _error(
    cause: str, remedy: str, file: str, line: int | None, **details: Any
) -> WorkflowError:
    where = ", ".join(filter(None, (file, f"line {line}" if line else "")))
    return WorkflowError(
        f"{where}: {cause}" if where else cause,
        remedy,
        file=file or None,
        line=line,
        **details,
    )


def _parsed(text: str, lines: TextLines, file: str, *, is_json: bool) -> JsonObject:
    if lines.too_long is not None:
        raise _error("a key has too many parts", "shorten it", file, lines.too_long)
    if lines.too_deep is not None:
        raise _error("it is nested too deep", "make it flatter", file, lines.too_deep)
    if lines.repeated is not None:
        line = lines.line(lines.repeated)
        key = lines.repeated[-1]
        raise _error(f"{key!r} is there twice", "remove one", file, line)
    value = _parsed_json(text, file) if is_json else _parsed_toml(text, file)
    if not isinstance(value, dict):
        raise _error("it is no JSON object", 'write {"name": …, "steps": […]}', file, 1)
    return value


def _parsed_json(text: str, file: str) -> Json:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _error(
            f"it is not JSON: {error.msg}", "correct the line", file, error.lineno
        ) from error
    except ValueError as error:
        raise _too_many_digits(text, file) from error


def _parsed_toml(text: str, file: str) -> JsonObject:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error).partition("\n")[0]
        found = _LINE.search(message)
        line = text.count("\n") + 1
        if found and found[1]:
            line = int(found[1])
        reason = _LINE.sub("", message)
        raise _error(
            f"it is not TOML: {reason}", "correct the line", file, line
        ) from error
    except ValueError as error:
        raise _too_many_digits(text, file) from error


def _too_many_digits(text: str, file: str) -> WorkflowError:
    """Return why a text is refused that is well formed all the same."""
    found = _DIGITS.search(text)
    line = text.count("\n", 0, found.start()) + 1 if found else None
    return _error("a number has too many digits", "write a smaller one", file, line)


def _workflow(document: JsonObject, problems: list[Problem]) -> Workflow | None:
    values = read_fields(
        document, WORKFLOW, "a workflow", (), problems, needed=("name", "steps")
    )
    tables = values.pop("steps", [])
    if len(tables) > _MOST_STEPS:
        cause = f"it has {len(tables):,} steps; {_MOST_STEPS:,} is most"
        problems.append(Problem(("steps",), cause, "make several workflows of it"))
        return None
    steps = [_step(table, number, problems) for number, table in enumerate(tables)]
    if problems:
        return None
    left_out = tuple(values.pop("left_out", ()))
    try:
        return Workflow(steps=tuple(filter(None, steps)), left_out=left_out, **values)
    except WorkflowError as error:
        names = [table["name"] for table in tables]
        problems.append(_problem(error, _place_of(error, names)))
    return None


def _place_of(error: WorkflowError, names: list[str]) -> Place:
    """Return where the step stands that an error is about; of two the second."""
    named = error.details.get("step")
    if named in names:
        return ("steps", len(names) - 1 - names[::-1].index(named))
    return ("name",)


def _problem(error: WorkflowError, place: Place) -> Problem:
    field = error.details.get("field")
    return Problem((*place, field) if field else place, error.cause, error.remedy)


def _step(table: JsonObject, number: int, problems: list[Problem]) -> Step | None:
    place, before = ("steps", number), len(problems)
    name = table.get("name")
    what = f"step {name!r}" if isinstance(name, str) else f"step {number + 1}"
    values = read_fields(table, STEP, what, place, problems, needed=("name", "agent"))
    inner = {
        key: read_fields(
            values.pop(key),
            fields,
            f"{key!r} of {what}",
            (*place, key),
            problems,
            needed=needed,
        )
        for key, fields, needed in (("limits", LIMITS, ()), ("repeat", REPEAT, _UNTIL))
        if key in values
    }
    if len(problems) > before:
        return None
    values |= {key: tuple(values[key]) for key in ("needs", "tools") if key in values}
    try:
        if "repeat" in inner:
            values["repeat"] = Repeat(**inner["repeat"])
        return Step(**values, limits=Limits(**inner.get("limits", {})))
    except WorkflowError as error:
        problems.append(_problem(error, place))
    return None
