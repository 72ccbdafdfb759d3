"""Which plugin, at which version, decided or did what in a run: from its events alone.

So it can be told of a run whose plugins are gone. Events name things by their
qualified names; the versions and digests of plugins stand once per run, in
`RunStarted` and `PluginLoaded`, and are put together here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ._json import JsonObject
from ._machine import fold
from .events import (
    Event,
    GuardrailDecided,
    ModelAnswered,
    ModelCalled,
    ModelFailed,
    PluginInfo,
    RouteChosen,
    StepDegraded,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    ToolFinished,
)
from .registry import Kind

__all__ = ["Deed", "Explanation", "Verb", "explain"]

Verb: TypeAlias = Literal[
    "chose", "began", "did", "answered", "allowed", "changed", "refused", "failed"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What one thing of a plugin did.

    Attributes:
        seq: The event it is known from.
        at: When: RFC 3339, UTC.
        step: The step it belongs to; empty if to the run.
        kind: What kind of thing did it.
        name: Its qualified name.
        plugin: Its plugin, as it was when the run used it; `None` if the journal
            does not say, since the run is still under way or older.
        overridden: Qualified or short name of what the user replaced by it; empty
            if nothing.
        verb: What it did.
        what: What it did that to.
        why: Why, as far as it said so.
    """

    seq: int
    at: str
    step: str
    kind: Kind
    name: str
    plugin: PluginInfo | None
    overridden: str
    verb: Verb
    what: str
    why: str = ""

    def document(self) -> JsonObject:
        """Return it as JSON."""
        plugin = self.plugin
        return {
            "seq": self.seq,
            "at": self.at,
            "step": self.step or None,
            "did": self.verb,
            "what": self.what,
            "why": self.why or None,
            "provenance": {
                "kind": self.kind,
                "name": self.name,
                "plugin": self.name.partition(":")[0],
                "version": plugin.version if plugin else None,
                "builtin": plugin.builtin if plugin else None,
                "record_sha256": plugin.record_sha256 if plugin else None,
                "overridden_from": self.overridden or None,
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Who decided and did what in a run.

    Attributes:
        core: ZeroGravity's version; empty if the run was not begun.
        api: The plugin API's version.
        python: Python's version.
        policy: Which plugins the user trusted.
        overrides: What the user put in the place of something else.
        plugins: The plugins whose code took part.
        deeds: What their things did, in order.
    """

    run_id: str
    core: str
    api: int
    python: str
    policy: str
    overrides: Mapping[str, str]
    plugins: Sequence[PluginInfo]
    deeds: Sequence[Deed]

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "run_id": self.run_id,
            "environment": {
                "zerogravity": self.core,
                "api": self.api,
                "python": self.python,
                "policy": self.policy,
                "overrides": dict(self.overrides),
                "plugins": [
                    {
                        "id": plugin.id,
                        "version": plugin.version,
                        "builtin": plugin.builtin,
                        "record_sha256": plugin.record_sha256,
                    }
                    for plugin in self.plugins
                ],
            },
            "deeds": [deed.document() for deed in self.deeds],
        }


def explain(events: Sequence[Event]) -> Explanation:
    """Say who decided and did what.

    Args:
        events: A run's events, all or the first few.

    Raises:
        JournalError: If the first is not `RunAccepted`.
    """
    state = fold(events)
    started = state.started
    plugins = {plugin.id: plugin for plugin in state.plugins}
    overrides = started.overrides if started else {}
    targets = {target: name.partition(":")[2] for name, target in overrides.items()}
    return Explanation(
        run_id=state.accepted.run_id,
        core=started.core if started else "",
        api=started.api if started else 0,
        python=started.python if started else "",
        policy=started.policy if started else "",
        overrides=overrides,
        plugins=state.plugins,
        deeds=tuple(
            Deed(
                seq=event.seq,
                at=event.at,
                step=str(getattr(event, "step", "")),
                kind=kind,
                name=name,
                plugin=plugins.get(name.partition(":")[0]),
                overridden=targets.get(name, ""),
                verb=verb,
                what=what,
                why=why,
            )
            for event, kind, name, verb, what, why in _deeds(events)
        ),
    )


def _deeds(
    events: Iterable[Event],
) -> Iterator[tuple[Event, Kind, str, Verb, str, str]]:
    agents: dict[str, str] = {}
    providers: dict[tuple[str, int], str] = {}
    for event in events:
        match event:
            case RouteChosen(classifier=name) if name:
                what = f"{event.label}: {', '.join(event.agents)}"
                yield event, "classifier", name, "chose", what, event.reason
            case StepStarted():
                agents[event.step] = event.agent
                yield event, "agent", event.agent, "began", event.step, ""
            case StepFinished():
                name = agents.get(event.step, "")
                yield event, "agent", name, "did", event.step, ""
            case StepFailed() | StepDegraded():
                name = agents.get(event.step, "")
                yield event, "agent", name, "failed", event.step, event.error.cause
            case StepSkipped(error=error) if error is not None:
                name = agents.get(event.step, "")
                yield event, "agent", name, "failed", event.step, error.cause
            case ModelCalled():
                providers[event.call_key, event.attempt] = event.provider
            case ModelAnswered():
                name = providers.get((event.call_key, event.attempt), "")
                yield event, "provider", name, "answered", event.model, ""
            case ModelFailed():
                name = providers.get((event.call_key, event.attempt), "")
                cause = event.error.cause
                yield event, "provider", name, "failed", event.model, cause
            case ToolFinished():
                verb: Verb = "did" if event.result.error is None else "failed"
                why = event.result.error or ""
                yield event, "tool", event.tool, verb, event.tool, why
            case GuardrailDecided():
                yield (
                    event,
                    "guardrail",
                    event.guardrail,
                    _verdict(event),
                    event.subject,
                    event.reason,
                )


def _verdict(event: GuardrailDecided) -> Verb:
    if not event.allow:
        return "refused"
    return "allowed" if event.before_sha256 == event.after_sha256 else "changed"
