"""Which agents take part in a routed workflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from .._isolation import contained, describe
from .._step_paths import ROUTE
from ..classifiers import Label
from ..config import named_by
from ..errors import RunError, UnknownNameError, ZeroGravityError
from ..events import RouteChosen, StepFailed, StepFinished, StepStarted
from ..plugins import PluginHost
from ..plugins.manifests.shown import shown
from ..registry import Contribution
from ..route_examples import GENERAL
from .agent_runs import context_of
from .context import StepInput, ask_classifier, asks_in_context
from .failing import is_ours
from .recorder import causes, error_info
from .replay import StepCalls
from .scope import RunScope

__all__ = ["answer", "choice", "route"]


async def route(
    scope: RunScope, objective: str, *, agents: tuple[str, ...]
) -> RouteChosen:
    """Classify an objective and choose the agents of its category.

    A classifier that abstains, or names a category nobody knows, means *general*.

    Args:
        scope: The run it is for; its configuration names the classifier, and each
            category's agents.
        objective: What is to be done.
        agents: The only agents to choose from; empty is all.

    Raises:
        RunError: If the classifier fails.
    """
    with named_by(scope.config, "classifier"):
        name = scope.host.find("classifier", scope.config.classifier).qualified
    known = scope.tape.label(name, objective) if scope.tape else None
    said = known[0] if known else await answer(scope, name, objective)
    return choice(scope, name, said, agents=agents)


def choice(
    scope: RunScope, classifier: str, said: Label | None, *, agents: tuple[str, ...]
) -> RouteChosen:
    """Return the agents of an objective's category.

    Args:
        scope: The run it is for.
        classifier: Qualified name of the classifier.
        said: What it said the objective is.
        agents: The only agents to choose from; empty is all.
    """
    config, host = scope.config, scope.host
    label = said or Label(GENERAL, reason="the classifier abstains")
    category, chosen = _agents_of(label, config.routes, host)
    return RouteChosen(
        classifier=classifier,
        label=category,
        probability=said.probability if said else None,
        reason=label.reason,
        agents=_restricted(chosen, _qualified(agents, host), config.routes, host),
    )


async def answer(scope: RunScope, name: str, objective: str) -> Label | None:
    """Return what a classifier says; what it does for that is a step of its own.

    Args:
        scope: The run it is for.
        name: Qualified name of the classifier.
        objective: What is to be done.

    Raises:
        RunError: If it fails.
    """
    if not asks_in_context(scope.host, name):
        return await _asked(scope, name, objective)
    recorder = scope.recorder
    await recorder.record(StepStarted(step=ROUTE, agent=name), durable=False)
    try:
        label = await _asked(scope, name, objective)
    except ZeroGravityError as error:
        failed = StepFailed(step=ROUTE, error=error_info(error), causes=causes(error))
        await recorder.record(failed)
        raise
    said = None if label is None else [label.name, label.probability, label.reason]
    await recorder.record(StepFinished(step=ROUTE, output=said), durable=False)
    return label


async def _asked(scope: RunScope, name: str, objective: str) -> Label | None:
    accepted = scope.recorder.state.accepted
    given = StepInput(
        run_id=accepted.run_id,
        step=ROUTE,
        agent=name,
        objective=objective,
        prompt=objective,
        outputs={},
        files=accepted.files,
        model=None,
    )
    calls = StepCalls(scope.recorded, ROUTE)
    ctx = context_of(scope, given, calls)
    try:
        label, error = await contained(ask_classifier(scope.host, name, objective, ctx))
    finally:
        calls.close()
    if is_ours(error, scope.recorder):
        raise error
    if error is not None:
        raise RunError(
            f"classifier {name!r} failed: {describe(error)}",
            "name another with ZG_CLASSIFIER, or a workflow that needs none",
        ) from error
    if asks_in_context(scope.host, name):
        calls.check_all_used()
    return label


def _agents_of(
    label: Label, routes: Mapping[str, tuple[str, ...]], host: PluginHost
) -> tuple[str, tuple[str, ...]]:
    if label.name in routes:
        return label.name, _qualified(routes[label.name], host)
    # What a built-in agent is for stays its own, whatever is installed.
    for offers in (host.builtin, host.all):
        if offering := tuple(_meant_for(label.name, offers("agent"), host)):
            return label.name, offering
    return GENERAL, _qualified(routes[GENERAL], host)


def _meant_for(
    category: str, offers: Iterable[Contribution], host: PluginHost
) -> Iterator[str]:
    """Yield the agents that say they are meant for a category, and are really there.

    Of a plugin that was not imported it is only said what it offers.
    """
    for offer in offers:
        if category in shown(offer.spec)["task_types"]:
            name = offer.name if offer.builtin else offer.qualified
            with suppress(UnknownNameError):
                yield host.find("agent", name).qualified


def _restricted(
    chosen: tuple[str, ...],
    wanted: tuple[str, ...],
    routes: Mapping[str, tuple[str, ...]],
    host: PluginHost,
) -> tuple[str, ...]:
    """Keep to the agents the user named; those of no category always take part."""
    if not wanted:
        return chosen
    routed = {name for agents in routes.values() for name in _qualified(agents, host)}
    kept = tuple(name for name in wanted if name in chosen or name not in routed)
    return kept or wanted


def _qualified(names: Iterable[str], host: PluginHost) -> tuple[str, ...]:
    return tuple(host.find("agent", name).qualified for name in names)
