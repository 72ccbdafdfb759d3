"""What earlier attempts at a step recorded, taken from the events of its run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from .._step_paths import base, whole
from ..agents import Reply
from ..errors import ReplayMismatchError
from ..events import (
    ApprovalDecided,
    ApprovalRequested,
    ArtifactWritten,
    ErrorInfo,
    Event,
    GuardrailDecided,
    InputGiven,
    InputRequested,
    ModelAnswered,
    ModelFailed,
    RunRewound,
    StepFailed,
    StepFinished,
    StepStarted,
    ToolFinished,
    ToolStarted,
    ValueRecorded,
)
from .guarding import refusal
from .outcomes import (
    AgentFailed,
    Failed,
    Outcome,
    Started,
    Value,
    agent_call,
    tool_call,
)
from .recorder import error_info

__all__ = ["Recorded"]


class Recorded:
    """The outcome of every call an earlier attempt recorded, by call key.

    They are kept by whose they are: those of the agent at a path, and apart from
    these the calls of each tool that it calls, which are moot once that has a result.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._outcomes: dict[str, dict[str, Outcome]] = {}
        # What came after a failure that is tried again may not come again, nor what
        # an attempt did that was refused, nor what was done before its step was set
        # back.
        self._moot: dict[str, set[str]] = {}
        # The ``seq`` of the first event of a call, and of the last attempt at a path.
        self._begun: dict[str, int] = {}
        self._since: dict[str, int] = {}
        self._tools: dict[str, ToolStarted] = {}
        self._agents: dict[str, StepStarted] = {}
        self._places: dict[str, str] = {}
        self._asked: dict[str, str] = {}
        # What agents wrote, each file and digest, by their paths.
        self._written: dict[str, list[tuple[str, str]]] = {}
        # Calls that must not be repeated and were set back, by step and request.
        self._undone: dict[tuple[str, str], set[str]] = {}
        for event in events:
            self._take_in(event)
        self._taken = set(self._places.values())

    def _take_in(self, event: Event) -> None:
        if key := getattr(event, "call_key", ""):
            self._begun.setdefault(key, event.seq)
        match event:
            case ModelAnswered():
                self._answered(event)
            case GuardrailDecided(allow=False, subject="message" | "answer"):
                self._put(event.call_key, Failed(error_info(refusal(event))))
            case ModelFailed(final=True):
                self._put(event.call_key, Failed(event.error))
            case ToolStarted():
                self._tools[event.call_key] = event
                self._put_of_tool(event.step, event.call_key, Started(event))
            case ToolFinished():
                self._put_of_tool(event.step, event.call_key, event.result)
            case ValueRecorded():
                self._put(event.call_key, Value(event.value))
            case ApprovalRequested(tool="") | InputRequested():
                self._asked[event.call_key] = event.step
            case ApprovalDecided(call_key=key) if key in self._asked:
                self._put(key, Value(event.allow))
            case InputGiven(call_key=key) if key in self._asked:
                self._put(key, Value(event.value))
            case ArtifactWritten(call=""):
                file = event.path, event.sha256
                self._written.setdefault(event.step, []).append(file)
            case StepStarted():
                self._started(event)
            case StepFinished(call_key=key) if key:
                reply = Reply(output=event.output, artifacts=event.artifacts)
                self._put(key, reply)
            case StepFailed(call_key=key) if key:
                self._put(key, AgentFailed(event.error, event.causes))
            case StepFailed(error=error) if error.type == ReplayMismatchError.__name__:
                self._disown(event.step)
            case StepFailed():
                self._forgive(event.step, (event.error, *event.causes))
            case RunRewound():
                self._forget(event.steps)

    def _answered(self, event: ModelAnswered) -> None:
        """Take an answer; but one that was refused is recorded for its cost alone."""
        if not isinstance(self.outcome(event.call_key), Failed):
            self._put(event.call_key, event.response)

    def _started(self, event: StepStarted) -> None:
        if event.step not in self._since:
            self._written.pop(event.step, None)  # of the run that this is a fork of
        self._since[event.step] = event.seq
        if event.call_key:
            self._agents[event.call_key] = event
            self._places[event.call_key] = event.step

    def _put(self, key: str, outcome: Outcome) -> None:
        whose = _whose(key)
        self._outcomes.setdefault(whose, {})[key] = outcome
        self._moot.get(whose, set()).discard(key)

    def _put_of_tool(self, path: str, key: str, outcome: Outcome) -> None:
        """Take what is recorded of a tool's call, be it from before its step began.

        So a fork is told what was done in the run that it comes from.
        """
        self._put(key, outcome)
        if whole(path) not in self._since:
            self._set_back(_whose(key))

    def _forgive(self, whose: str, errors: Sequence[ErrorInfo]) -> None:
        """Forget the failed calls that a step failed with, to try them again.

        An agent that it asked is one of these, and what that one failed with.

        Args:
            whose: The path of the step, or of the agent that it asked.
            errors: What that failed with, and what its agent made this of.
        """
        self._written.pop(whose, None)
        calls = self._outcomes.get(whose, {})
        failed = [
            key
            for key, outcome in calls.items()
            if isinstance(outcome, Failed) and outcome.is_one_of(errors)
        ]
        for key in failed[:1]:
            keys = list(calls)
            self._moot.setdefault(whose, set()).update(keys[keys.index(key) :])
        for key in failed:
            outcome = calls.pop(key)
            if isinstance(outcome, AgentFailed):
                self._forgive(self._places[key], (outcome.error, *outcome.causes))

    def _disown(self, path: str) -> None:
        """Let nothing depend on an attempt that was not what is recorded.

        What it recorded is given to whoever asks the same, and need not be asked.
        """
        since = self._since.get(path, 0)
        self._written.pop(path, None)
        for key in [k for k, seq in self._begun.items() if seq > since]:
            if not key.startswith((f"{path}:", f"{path}/")):
                continue
            calls = self._outcomes.get(_whose(key), {})
            if isinstance(calls.get(key), Failed):
                del calls[key]
            self._moot.setdefault(_whose(key), set()).add(key)

    def _forget(self, steps: Collection[str]) -> None:
        """Forget all that steps did, which begin anew, but for what is done once."""
        for whose in [w for w in self._outcomes if base(_path(w)) in steps]:
            self._set_back(whose)
        for path in [p for p in self._written if base(p) in steps]:
            del self._written[path]
        tables = (self._agents, self._places, self._asked, self._since, self._begun)
        for table in tables:
            for key in [k for k in table if base(_path(k)) in steps]:
                del table[key]

    def _set_back(self, whose: str) -> None:
        """Keep of calls only that tools were called which must not be repeated."""
        kept: dict[str, Outcome] = {}
        for key, outcome in self._outcomes[whose].items():
            started = self._tools.get(key)
            if started is not None and started.effect == "once":
                unknown = isinstance(outcome, Started) and not outcome.done
                kept[key] = Started(started, done=not unknown)
                self._undone.setdefault(_wanted(key), set()).add(key)
        self._outcomes[whose] = kept
        self._moot[whose] = set(kept)

    def outcomes(self, whose: str) -> Mapping[str, Outcome]:
        """Return what is recorded of calls, by key.

        Args:
            whose: The path of the agent that makes them, or the key of a tool's call.
        """
        return self._outcomes.get(whose, {})

    def moot(self, whose: str) -> Set[str]:
        """Return the keys of those that may not come again; see `outcomes`."""
        return self._moot.get(whose, set())

    def written(self, path: str) -> Sequence[tuple[str, str]]:
        """Return the files that an agent wrote, and the digest of what, as often."""
        return self._written.get(path, ())

    def outcome(self, key: str) -> Outcome | None:
        """Return what is recorded of one call; `None` if nothing is."""
        return self._outcomes.get(_whose(key), {}).get(key)

    def undone(self, key: str) -> Started | None:
        """Return a call that was set back and is made again, if one was.

        It need not have been made by the same agent: in other words asked, or with
        another place in a list, one works at another path. Each is found once.

        Args:
            key: The call that is about to be made, with the same tool and arguments.
        """
        calls = self._undone.get(_wanted(key))
        if not calls:
            return None
        found = key if key in calls else min(calls)
        calls.remove(found)
        outcome = self.outcome(found)
        return outcome if isinstance(outcome, Started) else None

    def told(self, key: str) -> str:
        """Say what a call of a tool or an agent was; empty if it is none of these."""
        if key in self._tools:
            started = self._tools[key]
            return tool_call(started.tool, started.arguments)
        if key in self._agents:
            return agent_call(self._agents[key].agent, self._agents[key].prompt)
        return ""

    def known_place(self, key: str) -> str:
        """Return the path of the agent that a call asks; empty if that is not known."""
        return self._places.get(key, "")

    def place(self, key: str, wanted: str) -> str:
        """Return where an agent works that is asked: the path it had, or a free one.

        So each keeps its records, in whatever order parallel calls come again, and
        whether or not a tool asks once more that did before.
        """
        if key not in self._places:
            path, number = wanted, 1
            while path in self._taken:
                number += 1
                path = f"{wanted}.{number}"
            self._places[key] = path
            self._taken.add(path)
        return self._places[key]


def _whose(key: str) -> str:
    """Return whose a call is: the path of the agent, or the key of a tool's call."""
    return key.rsplit(":", 2)[0]


def _wanted(key: str) -> tuple[str, str]:
    """Return the step that a call is made in, and what it is that it asks."""
    return base(_path(key)), key.rsplit(":", 2)[1]


def _path(key: str) -> str:
    """Return the path of a call, or of whose it is."""
    return key.partition(":")[0]
