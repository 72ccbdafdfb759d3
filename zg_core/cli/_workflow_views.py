"""Show workflows, and what is wrong with files of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from zg_core._json import JsonObject
from zg_core._workflow_writing import workflow_toml
from zg_core.errors import InputError, WorkflowError
from zg_core.plugins import PluginHost
from zg_core.specs import WorkflowSpec
from zg_core.usage import Limits
from zg_core.workflow_files import load_workflow, workflow_file
from zg_core.workflows import Step, Workflow

from ._drawing import mermaid, order
from ._invocation import Invocation
from ._output import Output
from ._words import allowed
from ._workflow_files import names_file, problems_of

__all__ = ["check_files", "show_workflow"]


def show_workflow(invocation: Invocation, name: str, form: str | None) -> None:
    """Print a workflow.

    Args:
        invocation: The call of ``zg``.
        name: Its name, or its file.
        form: ``mermaid`` or ``toml``; in words if `None`.
    """
    output = invocation.output
    workflow, known_as, description = _found(name, invocation)
    if form == "mermaid":
        output.say(mermaid(workflow))
    elif form == "toml":
        output.say(workflow_toml(workflow).rstrip("\n"))
    else:
        _show(output, workflow, known_as, description)


def _found(name: str, invocation: Invocation) -> tuple[Workflow, str, str]:
    """Return a workflow, what it is called, and what is said of it.

    What a file names need not be there for it to be shown; but that is said.
    """
    if names_file(name):
        workflow = load_workflow(name)
        for problem in problems_of(workflow_file(name), invocation.shown_host()):
            invocation.output.note(f"{problem.cause}\n  {problem.remedy}".rstrip())
        return workflow, workflow.name, workflow.description
    found = invocation.host().find("workflow", name)
    assert isinstance(found.spec, WorkflowSpec)
    workflow = found.spec.workflow
    return workflow, found.qualified, found.spec.description or workflow.description


def _show(output: Output, workflow: Workflow, name: str, description: str) -> None:
    output.document(
        {
            "schema": 1,
            "name": name,
            "description": description,
            "routed": workflow.routed,
            "steps": [_step(step) for step in workflow.steps],
            "mermaid": mermaid(workflow),
        }
    )
    output.say(description or name)
    if workflow.routed:
        output.say("Of these, the agents of the objective's category take part.")
    output.say(f"\n{order(workflow)}\n")
    output.table(
        ["STEP", "AGENT", "NEEDS", "ON ERROR"],
        [(s.name, s.agent, s.needs, s.on_error) for s in workflow.steps],
    )
    if terms := [(s.name, term) for s in workflow.steps for term in _terms(s)]:
        output.say()
        output.table(["STEP", "TERMS"], terms)


def _step(step: Step) -> JsonObject:
    tools = None if step.tools is None else list(step.tools)
    return {**asdict(step), "needs": list(step.needs), "tools": tools}


def _terms(step: Step) -> Iterator[str]:
    """Yield what holds for a step besides who does it and after what."""
    if step.when:
        yield f"when {step.when}"
    if step.for_each:
        yield (
            f"for each of {step.for_each}: {step.max_items} at most, "
            f"{step.parallel} at once"
        )
    if step.repeat:
        again = step.repeat.back_to or step.name
        yield (
            f"again from {again} until {step.repeat.until}: "
            f"{step.repeat.rounds} rounds at most"
        )
    if step.model:
        yield f"with the model {step.model}"
    if step.tools is not None:
        yield f"with the tools {', '.join(step.tools)}" if step.tools else "no tools"
    if step.timeout_seconds is not None:
        yield f"within {step.timeout_seconds:g} s"
    if step.limits != Limits():
        yield f"limits: {allowed(step.limits)}"
    if step.output_schema is not None:
        parts = step.output_schema.get("properties")
        names = f": {', '.join(parts)}" if isinstance(parts, dict) and parts else ""
        yield f"gives what fits its schema{names}"
    if step.max_output_tokens is not None:
        yield f"answers in {step.max_output_tokens:,} tokens at most"


def check_files(invocation: Invocation, files: Sequence[str]) -> int:
    """Print what is wrong with files of workflows, and return the exit code."""
    output, host = invocation.output, invocation.host()
    checked = [(file, *_checked(file, host)) for file in files]
    output.document(
        {
            "schema": 1,
            "files": [
                {
                    "file": file,
                    "ok": not problems,
                    "workflow": workflow.name if workflow else None,
                    "problems": [_problem(problem) for problem in problems],
                }
                for file, workflow, problems in checked
            ],
        }
    )
    for file, workflow, problems in checked:
        if workflow and not problems:
            count = len(workflow.steps)
            output.say(f"{file}: ok, {count} step{'s' * (count != 1)}")
        for problem in problems:
            output.say(problem.cause)
            for line in problem.remedy.splitlines():
                output.say(f"  {line}")
    return InputError.exit_code if any(problems for *_, problems in checked) else 0


def _checked(
    file: str, host: PluginHost
) -> tuple[Workflow | None, Sequence[InputError]]:
    try:
        text = workflow_file(file)
    except InputError as error:
        return None, [error]
    problems: list[WorkflowError] = [*text.problems, *problems_of(text, host)]
    return text.workflow, problems


def _problem(problem: InputError) -> JsonObject:
    return {
        "line": problem.details.get("line"),
        "cause": problem.cause,
        "remedy": problem.remedy,
    }
