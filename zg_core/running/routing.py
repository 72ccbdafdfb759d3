"""Which agents take part in a routed workflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from .._isolation import contained
from ..classifiers import Label
from ..config import Config, named_by
from ..errors import RunError, UnknownNameError, ZeroGravityError
from ..events import RouteChosen
from ..plugins import PluginHost
from ..plugins.manifests.shown import shown
from ..registry import Contribution
from .context import ask_classifier

__all__ = ["route"]

_GENERAL = "general"


async def route(
    objective: str, *, config: Config, host: PluginHost, agents: tuple[str, ...]
) -> RouteChosen:
    """Classify an objective and choose the agents of its category.

    A classifier that abstains, or names a category nobody knows, means *general*.

    Args:
        objective: What is to be done.
        config: Names the classifier, and each category's agents.
        host: Where they are found.
        agents: The only agents to choose from; empty is all.

    Raises:
        RunError: If the classifier fails.
    """
    with named_by(config, "classifier"):
        name = host.find("classifier", config.classifier).qualified
    answer, error = await contained(ask_classifier(host, name, objective))
    if isinstance(error, ZeroGravityError):
        raise error
    if error is not None:
        raise RunError(
            f"classifier {name!r} failed: {type(error).__name__}: {error}",
            "name another with ZG_CLASSIFIER, or a workflow that needs none",
        ) from error
    label = answer or Label(_GENERAL, reason="the classifier abstains")
    category, chosen = _agents_of(label, config.routes, host)
    return RouteChosen(
        classifier=name,
        label=category,
        probability=answer.probability if answer else None,
        reason=label.reason,
        agents=_restricted(chosen, _qualified(agents, host), config.routes, host),
    )


def _agents_of(
    label: Label, routes: Mapping[str, tuple[str, ...]], host: PluginHost
) -> tuple[str, tuple[str, ...]]:
    if label.name in routes:
        return label.name, _qualified(routes[label.name], host)
    # What a built-in agent is for stays its own, whatever is installed.
    for offers in (host.builtin, host.all):
        if offering := tuple(_meant_for(label.name, offers("agent"), host)):
            return label.name, offering
    return _GENERAL, _qualified(routes[_GENERAL], host)


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
