"""Which plugin, at which version, decided or did what in a run: from its events alone.

So it can be told of a run whose plugins are gone. Events name things by their
qualified names; the versions and digests of plugins stand once per run, in
`RunStarted` and `PluginLoaded`, and are put together here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal, TypeAlias

from ._json import JsonObject
from ._machine import RunState, fold
from ._step_paths import above, depth, is_part
from .events import (
    ApprovalDecided,
    ApprovalRequested,
    CancelRequested,
    Event,
    GuardrailDecided,
    HistoryCompacted,
    InputGiven,
    InputRequested,
    LimitsChanged,
    ModelAnswered,
    ModelCalled,
    ModelFailed,
    PauseRequested,
    PluginInfo,
    RouteChosen,
    RunAccepted,
    RunRewound,
    RunStatus,
    StepDegraded,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    ToolFinished,
)
from .registry import Kind

__all__ = ["Deed", "Explanation", "Verb", "explain"]

Doer: TypeAlias = Kind | Literal["person"]
"""What kind of thing did something; people are none of a plugin's."""
_OF_NO_PLUGIN = ("person", "workflow")
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
        kind: What kind of thing did it, or ``person``; ``workflow`` for what its
            expressions decided.
        name: Its qualified name; of a person who decided, what they are called.
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
    kind: Doer
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
                "plugin": None
                if self.kind in _OF_NO_PLUGIN
                else self.name.partition(":")[0],
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
        drill: The faults that were injected into its calls; empty is in earnest.
        overrides: What the user put in the place of something else.
        plugins: The plugins whose code took part.
        deeds: What their things did, in order.
        forked_from: The run whose first steps were copied into this one, if any were.
        rewinds: The steps before which it was set back, in order.
        status: How far it is; a degraded one is not whole.
        missing: Why something of a step is missing that the run went on without, by
            path.
    """

    run_id: str
    core: str
    api: int
    python: str
    policy: str
    overrides: Mapping[str, str]
    plugins: Sequence[PluginInfo]
    deeds: Sequence[Deed]
    drill: str = ""
    forked_from: str = ""
    rewinds: Sequence[str] = ()
    status: RunStatus = "running"
    missing: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "run_id": self.run_id,
            "status": self.status,
            "missing": dict(self.missing),
            "forked_from": self.forked_from or None,
            "rewinds": [*self.rewinds],
            "environment": {
                "zerogravity": self.core,
                "api": self.api,
                "python": self.python,
                "policy": self.policy,
                "drill": self.drill,
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
        drill=state.drill,
        forked_from=state.accepted.forked_from,
        rewinds=tuple(e.step for e in events if isinstance(e, RunRewound)),
        status=state.status,
        missing=_missing(state),
        deeds=tuple(
            Deed(
                seq=event.seq,
                at=event.at,
                step=_step(event),
                kind=kind,
                name=name,
                plugin=None
                if kind in _OF_NO_PLUGIN
                else plugins.get(name.partition(":")[0]),
                overridden=targets.get(name, ""),
                verb=verb,
                what=what,
                why=why,
            )
            for event, kind, name, verb, what, why in chain.from_iterable(
                map(_Deeds().of, events)
            )
        ),
    )


def _missing(state: RunState) -> dict[str, str]:
    """Return what went wrong and is not failed: in the last round of each step."""
    missing: dict[str, str] = {}
    for step in state.steps.values():
        of_round = (p for p in step.parts.values() if above(p.name) == step.path)
        for each in (step, *(part for part in of_round if not depth(part.name))):
            if each.error is not None and each.status in ("degraded", "skipped"):
                path = each.name if is_part(each.name) else step.path
                missing[path] = each.error.cause
    if state.forgot:
        missing.setdefault(state.forgot, "it was not told all that was said before")
    return missing


def _step(event: Event) -> str:
    if isinstance(event, ApprovalDecided | InputGiven):
        return event.call_key.partition(":")[0]
    return str(getattr(event, "step", ""))


_Deed: TypeAlias = tuple[Event, Doer, str, Verb, str, str]


class _Deeds:
    """Tells who did what, event by event."""

    def __init__(self) -> None:
        self._workflow = ""
        self._agents: dict[str, str] = {}
        self._asked: dict[str, str] = {}
        self._providers: dict[tuple[str, int], str] = {}

    def of(self, event: Event) -> Iterator[_Deed]:
        """Yield what an event says that somebody did."""
        match event:
            case RunAccepted():
                self._workflow = event.workflow.name
            case RouteChosen(classifier=name) if name:
                what = f"{event.label}: {', '.join(event.agents)}"
                yield event, "classifier", name, "chose", what, event.reason
            case GuardrailDecided():
                name, verb = event.guardrail, _verdict(event)
                yield event, "guardrail", name, verb, event.subject, event.reason
            case ModelCalled():
                self._providers[event.call_key, event.attempt] = event.provider
            case ModelAnswered() | ModelFailed() | ToolFinished():
                yield self._of_call(event)
            case _:
                yield from self._of_step(event)
                yield from self._of_person(event)

    def _of_step(self, event: Event) -> Iterator[_Deed]:
        match event:
            case StepStarted():
                self._agents[event.step] = event.agent
                yield event, "agent", event.agent, "began", event.step, ""
            case StepFinished():
                name = self._agents.get(event.step, "")
                yield event, "agent", name, "did", event.step, ""
                if event.again:
                    what = f"another round of {', '.join(event.again)}"
                    yield event, "workflow", self._workflow, "chose", what, ""
            case StepFailed(error=error) | StepDegraded(error=error):
                name = self._agents.get(event.step, "")
                yield event, "agent", name, "failed", event.step, error.cause
            case StepSkipped(error=error) if error is not None:
                name = self._agents.get(event.step, "")
                yield event, "agent", name, "failed", event.step, error.cause
            case StepSkipped():
                what = f"to leave out {event.step}"
                yield event, "workflow", self._workflow, "chose", what, event.reason
            case HistoryCompacted():
                name = self._agents.get(event.step, "")
                why = "summed up" if event.complete else "left out, and lost"
                yield event, "agent", name, "changed", "what was said before", why

    def _of_call(self, event: ModelAnswered | ModelFailed | ToolFinished) -> _Deed:
        if isinstance(event, ToolFinished):
            error = event.result.error
            verb: Verb = "did" if error is None else "failed"
            return event, "tool", event.tool, verb, event.tool, error or ""
        name = self._providers.get((event.call_key, event.attempt), "")
        if isinstance(event, ModelFailed):
            return event, "provider", name, "failed", event.model, event.error.cause
        why = "in the recorded run" if event.replayed else ""
        return event, "provider", name, "answered", event.model, why

    def _of_person(self, event: Event) -> Iterator[_Deed]:
        match event:
            case ApprovalRequested():
                self._asked[event.call_key] = event.tool or event.reason
            case InputRequested():
                self._asked[event.call_key] = event.question
            case ApprovalDecided():
                by = event.by or _SOMEBODY
                yield event, "person", by, *_decision(event, self._asked)
            case InputGiven():
                what = self._asked.get(event.call_key, "")
                yield event, "person", event.by or _SOMEBODY, "answered", what, ""
            case CancelRequested():
                what, by = "to stop the run", event.by or _SOMEBODY
                yield event, "person", by, "chose", what, event.reason
            case PauseRequested():
                what, by = "to put the run aside", event.by or _SOMEBODY
                yield event, "person", by, "chose", what, event.reason
            case LimitsChanged():
                by = event.by or _SOMEBODY
                yield event, "person", by, "changed", "what may be spent", ""


_SOMEBODY = "somebody"


def _decision(
    event: ApprovalDecided, asked: Mapping[str, str]
) -> tuple[Verb, str, str]:
    what = asked.get(event.call_key, "")
    if not event.allow:
        return "refused", what, event.reason
    if event.arguments is None:
        return "allowed", what, event.reason
    return "changed", what, event.reason or "allowed with other arguments"


def _verdict(event: GuardrailDecided) -> Verb:
    if not event.allow:
        return "refused"
    return "allowed" if event.before_sha256 == event.after_sha256 else "changed"
