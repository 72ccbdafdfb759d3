"""Draw a workflow: its order in words, and its shape for Mermaid."""

from __future__ import annotations

import re
from collections.abc import Iterator

from zg_core._names import local_name
from zg_core.workflows import Step, Workflow

__all__ = ["mermaid", "order"]

# In quotes these mean something: an end, an entity, a tag, Markdown, a directive.
_MEANT = re.compile(r"[\"#&<>`%{}\\]")


def order(workflow: Workflow) -> str:
    """Return which steps follow which: ``plan → (look ∥ code) → ship``.

    A step stands in the first group in which all it needs is done.
    """
    groups: list[list[str]] = []
    done: set[str] = set()
    while len(done) < len(workflow.steps):
        ready = [
            step.name
            for step in workflow.steps
            if step.name not in done and done.issuperset(step.needs)
        ]
        done.update(ready)
        groups.append(ready)
    return " → ".join(
        f"({' ∥ '.join(group)})" if len(group) > 1 else group[0] for group in groups
    )


def mermaid(workflow: Workflow) -> str:
    """Return a flowchart in Mermaid's language (https://mermaid.js.org).

    A condition is a label of the arrows to its step, a step that is done for each item
    has a double side, and a dotted arrow leads back to where a round begins. Steps are
    numbered, since some names (``end``) are words of that language.
    """
    number = {step.name: f"s{n}" for n, step in enumerate(workflow.steps, start=1)}
    lines = ["flowchart TD"]
    lines += [f"{number[step.name]}{_box(step)}" for step in workflow.steps]
    for step in workflow.steps:
        lines += _arrows(step, number)
    return "\n    ".join(lines)


def _box(step: Step) -> str:
    agent = local_name(step.agent)
    label = step.name if agent == step.name else f"{step.name}: {agent}"
    if step.when and not step.needs:
        label += f", when {step.when}"
    if step.for_each:
        return f"[[{_quoted(f'{label}, for each of {step.for_each}')}]]"
    return f"[{_quoted(label)}]"


def _arrows(step: Step, number: dict[str, str]) -> Iterator[str]:
    when = f"|{_quoted(f'when {step.when}')}|" if step.when else ""
    for need in step.needs:
        yield f"{number[need]} -->{when} {number[step.name]}"
    if step.repeat:
        back = step.repeat.back_to or step.name
        until = f"until {step.repeat.until}, {step.repeat.rounds} rounds at most"
        yield f"{number[step.name]} -.->|{_quoted(until)}| {number[back]}"


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return f'"{_MEANT.sub(lambda found: f"#{ord(found[0])};", text)}"'
