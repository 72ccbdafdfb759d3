"""Say whether an installed agent is reached, and what it does to the choice of others.

Nothing but this plugin, the built-in one and that of the classifier is loaded for it,
and only after it was tried in a process of its own. No model is asked.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from zg_core._json import JsonObject
from zg_core._names import split_qualified
from zg_core.config import Config
from zg_core.engine import Engine
from zg_core.errors import ZeroGravityError
from zg_core.plugins import PluginRecord
from zg_core.plugins.examples import examples_of
from zg_core.plugins.trial.probe import Probe
from zg_core.registry import Contribution
from zg_core.route_examples import Example, of_part
from zg_core.running.classifying import Classifying

from .._invocation import Invocation
from .._scoring import scored

__all__ = ["Routed", "routed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """What a plugin's agents mean for the choice of agents.

    Attributes:
        reached: Of each agent with examples: its qualified name, how many of them
            reach it, and how many there are.
        before: Macro-F1 of the built-in set and these examples without the plugin.
        after: The same with it; `None` for both if they were not measured.
        problem: Why they were not.
    """

    reached: tuple[tuple[str, int, int], ...] = ()
    before: float | None = None
    after: float | None = None
    problem: str = ""

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "agents": [
                {"agent": agent, "examples": count, "reached": some}
                for agent, some, count in self.reached
            ],
            "macro_f1_without": self.before,
            "macro_f1": self.after,
            "problem": self.problem or None,
        }

    def sentence(self) -> str:
        """Return it as a line."""
        if self.before is None or self.after is None:
            return f"how objectives are routed with it was not tried: {self.problem}"
        told = [
            f"{some} of {count} examples reach agent {agent}"
            for agent, some, count in self.reached
        ]
        if self.before == self.after:
            told.append(f"built-in set: unchanged (macro-F1 {self.after:.3f})")
        else:
            which = "LOWER" if self.after < self.before else "higher"
            change = f"macro-F1 {self.before:.3f} without it, {self.after:.3f} with it"
            told.append(f"built-in set: {which} ({change})")
        return "; ".join(told)


async def routed(
    invocation: Invocation, plugin: PluginRecord, probe: Probe
) -> Routed | None:
    """Compare how objectives are routed with a plugin and without it.

    Returns:
        What came of it; `None` if the plugin has no agent that a category leads to,
        and none with examples.
    """
    meant = [c for c in probe.contributions if c["kind"] == "agent" and _matters(c)]
    if not meant or plugin.builtin:
        return None
    try:
        return await _compared(invocation, plugin, [str(c["name"]) for c in meant])
    except ZeroGravityError as error:
        return Routed(problem=error.cause)


def _matters(offer: JsonObject) -> bool:
    return bool(offer.get("task_types") or offer.get("examples"))


async def _compared(
    invocation: Invocation, plugin: PluginRecord, agents: Sequence[str]
) -> Routed:
    usual = replace(invocation.config(), plugins_enable=(), plugins_strict=False)
    others = {split_qualified(usual.classifier)[0]} - {"", "builtin", plugin.id}
    async with _opened(invocation, usual, {*others, plugin.id}) as (engine, asked):
        classifier = asked.named(usual.classifier)
        if split_qualified(classifier)[0] == plugin.id:
            return Routed(problem=f"the classifier {classifier} is its own")
        if asked.asks_models(classifier):
            return Routed(problem=f"the classifier {classifier} asks a model")
        found = [engine.host.find("agent", f"{plugin.id}:{name}") for name in agents]
        reached = [
            (offer.qualified, await _reaching(asked, classifier, offer, own), len(own))
            for offer in found
            if (own := examples_of(offer))
        ]
        examples = _builtin_examples(engine)
        after = await scored(asked, classifier, examples, invocation.output)
    off = replace(usual, plugins_disable=(*usual.plugins_disable, plugin.id))
    async with _opened(invocation, off, others) as (_, asked):
        before = await scored(asked, classifier, examples, invocation.output)
    return Routed(
        reached=tuple(reached),
        before=round(before.scores.macro_f1, 6),
        after=round(after.scores.macro_f1, 6),
    )


@asynccontextmanager
async def _opened(
    invocation: Invocation, config: Config, plugins: Collection[str]
) -> AsyncGenerator[tuple[Engine, Classifying], None]:
    opened = Engine.open(
        config=config,
        journal="memory",
        discover=tuple(plugins),
        secrets=invocation.secrets,
    )
    async with opened as engine, engine.classifying() as asked:
        yield engine, asked


async def _reaching(
    asked: Classifying, classifier: str, agent: Contribution, own: Sequence[Example]
) -> int:
    """Count the examples for which an agent takes part."""
    labels = [await asked.label(classifier, example.text) for example in own]
    chosen = (asked.choice(classifier, label).agents for label in labels)
    return sum(agent.qualified in agents for agents in chosen)


def _builtin_examples(engine: Engine) -> tuple[Example, ...]:
    sets = map(examples_of, engine.host.builtin("classifier"))
    return of_part(next(filter(None, sets)), None)
