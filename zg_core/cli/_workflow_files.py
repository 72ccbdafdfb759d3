"""Workflows that the command line names by their file, held against what there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zg_core._choice import parse_chain
from zg_core._names import is_name, split_qualified
from zg_core._text_lines import Place
from zg_core._validation import argument_errors
from zg_core._workflow_form import Problem
from zg_core.errors import (
    ConfigError,
    PluginError,
    UnknownNameError,
    WorkflowError,
    ZeroGravityError,
)
from zg_core.plugins import PluginHost
from zg_core.running.accepting import named_workflow
from zg_core.workflow_files import SUFFIXES, WorkflowText, workflow_file
from zg_core.workflows import Step, Workflow

__all__ = ["names_file", "problems_of", "workflow_called"]

_HERE = Path()


def names_file(text: str, folder: Path = _HERE) -> bool:
    """Tell whether a workflow is given by its file: no name has a slash or a dot.

    What could be a name is one, whatever files there are.

    Args:
        text: What was given.
        folder: Where a relative path begins.
    """
    if "/" in text or "\\" in text or text.lower().endswith(SUFFIXES):
        return True
    return not is_name(split_qualified(text)[1]) and (folder / text).is_file()


def workflow_called(text: str, host: PluginHost, folder: Path = _HERE) -> Workflow:
    """Return the workflow of a name, or the one in a file.

    Args:
        text: The name, or the path of the file.
        host: What knows all names.
        folder: Where a relative path begins.

    Raises:
        UnknownNameError: If there is none of that name.
        InputError: If the file cannot be read.
        WorkflowError: If what is in it is not well formed, or names what there is not.
    """
    if not names_file(text, folder):
        return _named(text, host)
    path = Path(text)
    path = path.expanduser() if text.startswith("~/") else path
    found = workflow_file(folder / path)
    for problem in (*found.problems, *problems_of(found, host)):
        raise problem
    assert found.workflow is not None
    return found.workflow


def _named(name: str, host: PluginHost) -> Workflow:
    try:
        return named_workflow(name, host)
    except UnknownNameError as error:
        for suffix in SUFFIXES:
            if Path(f"{name}{suffix}").is_file():
                raise UnknownNameError(
                    error.cause, f"to use the file, write {name}{suffix}"
                ) from error
        raise


def problems_of(text: WorkflowText, host: PluginHost) -> list[WorkflowError]:
    """Return what a well formed workflow in a file names and there is not."""
    steps = text.workflow.steps if text.workflow else ()
    return [
        text.error(Problem(place, error.cause, error.remedy))
        for number, step in enumerate(steps)
        for place, error in _missing(step, ("steps", number), host)
    ]


def _missing(
    step: Step, place: Place, host: PluginHost
) -> Iterator[tuple[Place, ZeroGravityError]]:
    try:
        host.find("agent", step.agent)
    except (UnknownNameError, PluginError, ConfigError) as error:
        yield (*place, "agent"), error
    for number, tool in enumerate(step.tools or ()):
        try:
            host.find("tool", tool)
        except (UnknownNameError, PluginError, ConfigError) as error:
            yield (*place, "tools", number), error
    try:
        if step.model is not None:
            parse_chain(step.model, host)
    except (UnknownNameError, PluginError, ConfigError) as error:
        yield (*place, "model"), error
    try:
        if step.output_schema is not None:
            argument_errors(step.output_schema, None)
    except PluginError as error:
        yield (*place, "output_schema"), error
