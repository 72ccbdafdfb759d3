"""Show what a run would do, before it does it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from zg_core._json import Json
from zg_core._machine import fold
from zg_core._names import local_name
from zg_core.engine import Engine
from zg_core.events import RouteChosen
from zg_core.results import RunResult
from zg_core.running.accepting import resolved_agents
from zg_core.usage import Limits
from zg_core.workflows import RunOptions, Workflow

from ._invocation import Invocation
from ._output import Output
from ._report import print_spending, spending
from ._starting import choose, configured_workflow, settled
from ._wanted import Wanted
from ._words import allowed, in_words, model_line

__all__ = ["show_plan", "show_route"]


async def show_plan(invocation: Invocation, objective: str, wanted: Wanted) -> int:
    """Print what a run would do; nothing is recorded, and no model is asked."""
    output = invocation.output
    config = settled(invocation, wanted)
    options = wanted.run_options()
    async with invocation.engine(config, journal="memory") as engine:
        wished = configured_workflow(engine)
        model, reason = choose(engine, options, wished)
        plan = await _plan(engine, wished, objective, options, asking=False)
    limits = _given(config.limits)
    out = options.out or f"a folder of its own in {config.out}"
    output.document(
        {
            "objective": objective,
            "model": model,
            "model_reason": reason,
            **_document(plan),
            "limits": limits,
            "step_limits": {name: _given(most) for name, most in plan.limits.items()},
            "out": out,
        }
    )
    output.say(model_line(model, reason))
    _print(output, plan)
    output.say(f"limits: {allowed(config.limits) or 'none'}")
    for name, most in plan.limits.items():
        output.say(f"limits of step {name}: {allowed(most)}")
    output.say(f"files: {out}")
    return 0


async def show_route(
    invocation: Invocation,
    objective: str,
    *,
    classifier: str | None,
    workflow: str | None,
    model: str | None,
) -> None:
    """Print which agents an objective gets, and why, and what it cost to find out."""
    output = invocation.output
    config = invocation.config({"classifier": classifier, "workflow": workflow})
    async with invocation.engine(config, journal="memory") as engine:
        options = RunOptions(model=model)
        wished = configured_workflow(engine)
        plan = await _plan(engine, wished, objective, options, asking=True)
    output.document(
        {
            "objective": objective,
            **_document(plan),
            "spent": spending(plan.cost) if plan.cost else None,
        }
    )
    _print(output, plan)
    if plan.cost:
        print_spending(output, plan.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a run would do.

    Attributes:
        workflow: The steps an objective would get.
        route: How they would be chosen; `None` if they always are the same, or if a
            model had to be asked first.
        limits: The limits of these steps.
        cost: What it cost to find out; `None` if no model was asked.
    """

    workflow: Workflow
    route: RouteChosen | None
    limits: dict[str, Limits]
    cost: RunResult | None


async def _plan(
    engine: Engine,
    wished: Workflow,
    objective: str,
    options: RunOptions,
    *,
    asking: bool,
) -> _Plan:
    """Return what a run would do.

    It is accepted by an engine whose journal is in memory, which checks all there is
    to check, and then forgotten.

    Args:
        engine: The engine.
        wished: The workflow that was asked for.
        objective: What is to be made.
        options: How.
        asking: Whether models may be asked which agents are to be chosen.
    """
    run_id = await engine.accept(wished, objective, options=options)
    state = fold(await engine.journal.read(run_id))
    workflow, route, cost = state.workflow, None, None
    if workflow.routed:
        async with engine.classifying(model=options.model) as asked:
            asks_models = asked.asks_models(engine.config.classifier)
            if asking or not asks_models:
                route = await asked.route(objective, agents=options.agents)
                cost = asked.result if asks_models else None
    if route:
        named = resolved_agents(workflow, engine.host)
        workflow = workflow.only(route.agents, named)
    limits = {step.name: state.step_limits(step.name) for step in workflow.steps}
    return _Plan(
        workflow=workflow,
        route=route,
        limits={n: most for n, most in limits.items() if most != Limits()},
        cost=cost,
    )


def _given(limits: Limits) -> dict[str, Json]:
    return {name: value for name, value in asdict(limits).items() if value is not None}


def _print(output: Output, plan: _Plan) -> None:
    workflow = plan.workflow
    if plan.route:
        output.say(in_words(plan.route))
    elif workflow.routed:
        output.say(f"{workflow.name}: some of these, after a model was asked which")
    else:
        output.say(f"{workflow.name}: always the same steps")
    output.table(
        ["STEP", "AGENT", "AFTER"],
        [(step.name, local_name(step.agent), step.needs) for step in workflow.steps],
    )


def _document(plan: _Plan) -> dict[str, Json]:
    workflow, route = plan.workflow, plan.route
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
