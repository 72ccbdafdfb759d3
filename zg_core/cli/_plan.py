"""Show what a run would do, before it does it."""

from __future__ import annotations

from dataclasses import asdict

from zg_core._json import Json
from zg_core._machine import fold
from zg_core._names import local_name
from zg_core.engine import Engine
from zg_core.events import RouteChosen
from zg_core.running.accepting import resolved_agents
from zg_core.workflows import RunOptions, Workflow

from ._invocation import Invocation
from ._output import Output
from ._starting import choose, configured_workflow, settled
from ._wanted import Wanted
from ._words import in_words, model_line

__all__ = ["show_plan", "show_route"]


async def show_plan(invocation: Invocation, objective: str, wanted: Wanted) -> int:
    """Print what a run would do; nothing is recorded, and no model is asked."""
    output = invocation.output
    config = settled(invocation, wanted)
    options = wanted.run_options()
    async with invocation.engine(config, journal="memory") as engine:
        model, reason = choose(engine, options)
        workflow, route = await _plan(engine, objective, options)
    limits = {k: v for k, v in asdict(config.limits).items() if v is not None}
    out = options.out or f"a folder of its own in {config.out}"
    output.document(
        {
            "objective": objective,
            "model": model,
            "model_reason": reason,
            **_document(workflow, route),
            "limits": limits,
            "out": out,
        }
    )
    output.say(model_line(model, reason))
    _print(output, workflow, route)
    allowed = ", ".join(f"{name} {value:,}" for name, value in limits.items())
    output.say(f"limits: {allowed or 'none'}")
    output.say(f"files: {out}")
    return 0


async def show_route(
    invocation: Invocation,
    objective: str,
    *,
    classifier: str | None,
    workflow: str | None,
) -> None:
    """Print which agents an objective gets, and why."""
    output = invocation.output
    config = invocation.config({"classifier": classifier, "workflow": workflow})
    async with invocation.engine(config, journal="memory") as engine:
        steps, route = await _plan(engine, objective, RunOptions())
    output.document({"objective": objective, **_document(steps, route)})
    _print(output, steps, route)


async def _plan(
    engine: Engine, objective: str, options: RunOptions
) -> tuple[Workflow, RouteChosen | None]:
    """Return the steps an objective would get, and how they were chosen if they were.

    The run is accepted by an engine whose journal is in memory, which checks all
    there is to check, and then forgotten.
    """
    plan = configured_workflow(engine)
    run_id = await engine.accept(plan, objective, options=options)
    workflow = fold(await engine.journal.read(run_id)).workflow
    if not workflow.routed:
        return workflow, None
    route = await engine.route(objective, agents=options.agents)
    return workflow.only(route.agents, resolved_agents(workflow, engine.host)), route


def _print(output: Output, workflow: Workflow, route: RouteChosen | None) -> None:
    output.say(in_words(route) if route else f"{workflow.name}: always the same steps")
    output.table(
        ["STEP", "AGENT", "AFTER"],
        [(step.name, local_name(step.agent), step.needs) for step in workflow.steps],
    )


def _document(workflow: Workflow, route: RouteChosen | None) -> dict[str, Json]:
    chosen = (
        {
            "label": route.label,
            "probability": route.probability,
            "reason": route.reason,
            "classifier": route.classifier,
            "agents": list(route.agents),
        }
        if route
        else None
    )
    steps = [
        {"step": step.name, "agent": step.agent, "needs": list(step.needs)}
        for step in workflow.steps
    ]
    return {"workflow": workflow.name, "route": chosen, "steps": steps}
