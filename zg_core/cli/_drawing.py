"""Draw a workflow: its order in words, and its shape for Mermaid."""

from __future__ import annotations

from zg_core._names import local_name
from zg_core.workflows import Workflow

__all__ = ["mermaid", "order"]


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

    Steps are numbered, since some names (``end``) are words of that language.
    """
    number = {step.name: f"s{n}" for n, step in enumerate(workflow.steps, start=1)}
    lines = ["flowchart TD"]
    for step in workflow.steps:
        agent = local_name(step.agent).replace('"', "#quot;")
        label = step.name if agent == step.name else f"{step.name}: {agent}"
        lines.append(f'    {number[step.name]}["{label}"]')
    for step in workflow.steps:
        lines += [f"    {number[n]} --> {number[step.name]}" for n in step.needs]
    return "\n".join(lines)
