"""What a client asks for, and which run that is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

import zg_core as zg

from ..errors import Fault, InvalidRequestError

__all__ = ["Asked", "Budget", "Priority", "agents_of", "planned", "workflow_of"]

Priority: TypeAlias = Literal["low", "normal", "high"]
_LONGEST_SCHEMA = 16 * 1024
_DEEPEST_SCHEMA = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most a job may spend; `None` is no limit of its own.

    Args:
        max_cost_usd_micros: Money, in millionths of a US dollar.
        max_tokens: Tokens, in and out.
        max_model_calls: Calls of a model.
    """

    max_cost_usd_micros: int | None = None
    max_tokens: int | None = None
    max_model_calls: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An objective, and how it is to be done.

    Args:
        objective: What is to be made, in plain words.
        priority: How urgent it is, among the tenant's own.
        callback_url: Who is told how it ended.
        agent: The one agent that does all of it.
        workflow: The workflow; by default the configured one.
        metadata: What the client wants to find it by.
        budget: The most it may spend.
        timeout_s: The longest it may take, in seconds; waiting for people not counted.
        approval: ``always``: people are asked about whatever does more than look.
        output_schema: JSON Schema that the result must fit.
        max_output_tokens: The most tokens that the answer of the last step, or of each
            that no other needs, may have.
        run_after: When it begins, at the earliest.
        history: What was said before it, in a conversation that the client keeps.
    """

    objective: str
    priority: Priority = "normal"
    callback_url: str | None = None
    agent: str | None = None
    workflow: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    budget: Budget = Budget()
    timeout_s: float | None = None
    approval: Literal["default", "always"] = "default"
    output_schema: zg.JsonObject | None = None
    max_output_tokens: int | None = None
    run_after: datetime | None = None
    history: tuple[zg.Message, ...] = ()

    def options(self) -> dict[str, Any]:
        """Return what is kept of it as one document."""
        return {
            "max_cost_usd_micros": self.budget.max_cost_usd_micros,
            "max_tokens": self.budget.max_tokens,
            "max_model_calls": self.budget.max_model_calls,
            "timeout_s": self.timeout_s,
            "approval": self.approval,
            "output_schema": self.output_schema,
            "max_output_tokens": self.max_output_tokens,
            "history": [{"role": m.role, "text": m.text} for m in self.history],
        }

    @classmethod
    def again(cls, row: Any) -> Asked:
        """Return what was asked for by a job that is kept.

        Args:
            row: The row of the job.
        """
        kept = row.options
        return cls(
            objective=row.objective,
            priority=row.priority,
            callback_url=row.callback_url,
            agent=row.agent,
            workflow=row.workflow,
            metadata=row.metadata,
            budget=Budget(
                max_cost_usd_micros=kept["max_cost_usd_micros"],
                max_tokens=kept["max_tokens"],
                max_model_calls=kept["max_model_calls"],
            ),
            timeout_s=kept["timeout_s"],
            approval=kept["approval"],
            output_schema=kept["output_schema"],
            max_output_tokens=kept.get("max_output_tokens"),
            history=tuple(
                zg.Message(role=said["role"], parts=(zg.Text(text=said["text"]),))
                for said in kept.get("history", ())
            ),
        )


def workflow_of(asked: Asked, engine: zg.Engine) -> zg.Workflow:
    """Return the workflow that does what is asked for.

    Raises:
        InvalidRequestError: If there is none, or its result can have no schema.
    """
    workflow = _named(asked, engine)
    if asked.max_output_tokens is not None:
        workflow = _bounded(workflow, asked.max_output_tokens)
    if asked.output_schema is None:
        return workflow
    _check_schema(asked.output_schema)
    last = workflow.last()
    if len(last) != 1 or last[0].output_schema is not None:
        raise _refused(
            "/output_schema", "the result of this workflow is not one that may have it"
        )
    fitting = replace(last[0], output_schema=asked.output_schema)
    steps = tuple(fitting if step is last[0] else step for step in workflow.steps)
    return replace(workflow, steps=steps)


def agents_of(workflow: zg.Workflow, engine: zg.Engine) -> list[str]:
    """Return the agents that a workflow names, by their qualified names.

    Those that join it while it is done are not known yet.
    """
    found = []
    for step in workflow.steps:
        try:
            found.append(engine.host.find("agent", step.agent).qualified)
        except zg.UnknownNameError:  # as whoever does it will tell
            found.append(step.agent)
    return found


def planned(asked: Asked, engine: zg.Engine) -> tuple[zg.Workflow, zg.RunOptions]:
    """Return the workflow and the options of the run.

    Raises:
        InvalidRequestError: As `workflow_of`.
    """
    micros = asked.budget.max_cost_usd_micros
    limits = zg.Limits(
        usd=None if micros is None else micros / 1e6,
        tokens=asked.budget.max_tokens,
        calls=asked.budget.max_model_calls,
        seconds=asked.timeout_s,
    )
    approve: zg.Approve | None = "always" if asked.approval == "always" else None
    return workflow_of(asked, engine), zg.RunOptions(limits=limits, approve=approve)


def _named(asked: Asked, engine: zg.Engine) -> zg.Workflow:
    try:
        if asked.agent is not None:
            agent = engine.host.find("agent", asked.agent).qualified
            return zg.Workflow("solo", (zg.Step("work", agent=agent),))
        name = asked.workflow or engine.config.workflow
        spec = engine.host.find("workflow", name).spec
    except zg.UnknownNameError as error:
        where = "/agent" if asked.agent is not None else "/workflow"
        raise _refused(where, "there is none of this name") from error
    assert isinstance(spec, zg.WorkflowSpec)
    return spec.workflow


def _bounded(workflow: zg.Workflow, most: int) -> zg.Workflow:
    last = workflow.last()
    steps = (
        replace(step, max_output_tokens=min(step.max_output_tokens or most, most))
        if step in last
        else step
        for step in workflow.steps
    )
    return replace(workflow, steps=tuple(steps))


def _check_schema(schema: zg.JsonObject) -> None:
    if len(json.dumps(schema)) > _LONGEST_SCHEMA or _depth(schema) > _DEEPEST_SCHEMA:
        raise _refused(
            "/output_schema",
            f"must have up to {_LONGEST_SCHEMA:,} characters "
            f"and {_DEEPEST_SCHEMA} levels",
        )
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import SchemaError

    try:
        # Its formats would have Python's engine compile the patterns.
        Draft202012Validator.check_schema(schema, format_checker=FormatChecker([]))
    except SchemaError as error:
        raise _refused(
            "/output_schema",
            f"is no JSON Schema of draft 2020-12: {error.message:.200}",
        ) from error


def _depth(value: zg.Json) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(part) for part in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(part) for part in value), default=0)
    return 0


def _refused(pointer: str, detail: str) -> InvalidRequestError:
    return InvalidRequestError(
        "1 thing is wrong", "", Fault(pointer, "invalid", detail)
    )
