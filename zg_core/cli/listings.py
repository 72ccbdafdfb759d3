"""List what plugins offer: ``zg agents``, ``zg tools`` and so on."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from typing import Any

import click

from zg_core._json import Json, JsonObject
from zg_core.registry import Contribution, Kind
from zg_core.specs import WorkflowSpec
from zg_core.workflows import Step, Workflow

from ._diagnostics import note_diagnostics
from ._drawing import mermaid, order
from ._groups import Command, Group
from ._invocation import current_invocation, json_option

__all__ = ["agents", "classifiers", "providers", "tools", "workflows"]

_NOT_LISTED = {"name", "description", "factory", "function", "parameters", "workflow"}


@click.command(cls=Command, epilog="Example: zg agents --json")
@json_option
def agents() -> None:
    """List the agents that there are."""
    _list("agent")


@click.command(cls=Command, epilog="Example: zg tools --json")
@json_option
def tools() -> None:
    """List the tools that agents may name."""
    _list("tool")


@click.command(cls=Command, epilog="Example: zg providers --json")
@json_option
def providers() -> None:
    """List the providers of models: the part of openai:gpt-5 before the colon."""
    _list("provider")


@click.command(cls=Command, epilog="Example: zg classifiers --json")
@json_option
def classifiers() -> None:
    """List what can tell which category an objective is of."""
    _list("classifier")


@click.group(
    cls=Group,
    invoke_without_command=True,
    epilog="Example: zg workflows show optimized",
)
@json_option
@click.pass_context
def workflows(ctx: click.Context) -> None:
    """List the workflows, or show one."""
    if not ctx.invoked_subcommand:
        _list("workflow")


@workflows.command("show", epilog="Example: zg workflows show optimized")
@click.argument("name")
@json_option
def show(name: str) -> None:
    """Show the steps of a workflow, in words and as a drawing in Mermaid."""
    invocation = current_invocation()
    output, found = invocation.output, invocation.host().find("workflow", name)
    workflow = _workflow(found)
    output.document(
        {
            "schema": 1,
            "name": found.qualified,
            "description": found.spec.description or workflow.description,
            "routed": workflow.routed,
            "steps": [_step(step) for step in workflow.steps],
            "mermaid": mermaid(workflow),
        }
    )
    output.say(found.spec.description or workflow.description or found.qualified)
    if workflow.routed:
        output.say("Of these, the agents of the objective's category take part.")
    output.say(f"\n{order(workflow)}\n")
    output.table(
        ["STEP", "AGENT", "NEEDS", "ON ERROR"],
        [(s.name, s.agent, s.needs, s.on_error) for s in workflow.steps],
    )
    output.say(f"\n{mermaid(workflow)}")


def _list(kind: Kind) -> None:
    invocation = current_invocation()
    host, output = invocation.host(), invocation.output
    offers = [(offer, host.standing(offer)) for offer in host.all(kind)]
    listed = [{**_document(offer), "status": standing} for offer, standing in offers]
    output.document({"schema": 1, f"{kind}s": listed})
    output.table(
        ["NAME", "QUALIFIED", "STATUS", "DESCRIPTION"],
        [
            (offer.name, offer.qualified, standing, offer.spec.description)
            for offer, standing in offers
        ],
    )
    note_diagnostics(output, host)


def _document(offer: Contribution) -> JsonObject:
    spec = offer.spec
    details = {
        field.name: _plain(getattr(spec, field.name))
        for field in fields(spec)
        if field.name not in _NOT_LISTED
    }
    if isinstance(spec, WorkflowSpec):
        details["steps"] = [step.name for step in spec.workflow.steps]
    return {
        "name": offer.name,
        "qualified": offer.qualified,
        "plugin": offer.plugin,
        "builtin": offer.builtin,
        "description": spec.description,
        **details,
    }


def _plain(value: Any) -> Json:
    if isinstance(value, set | frozenset):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value


def _step(step: Step) -> JsonObject:
    return {**asdict(step), "needs": list(step.needs)}


def _workflow(offer: Contribution) -> Workflow:
    assert isinstance(offer.spec, WorkflowSpec)
    return offer.spec.workflow
