"""Whether what a person said of a run's question can be taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from .._codec import digest
from .._json import Json, JsonObject
from .._machine import RunState
from .._run_state import Decision, Question
from .._schema import parameters_of
from .._validation import argument_errors
from ..errors import InputError
from ..events import ApprovalDecided, ApprovalRequested, InputGiven, InputRequested
from ..plugins import PluginHost
from ..questions import known_calls, meant_calls, short_name
from ..specs import ToolSpec
from .recorder import timestamp

__all__ = ["EXPIRY", "call_digest", "call_named", "has_expired", "judged"]

EXPIRY = "expiry"
"""Who decides what nobody decided in time."""


def call_digest(tool: str, arguments: JsonObject) -> str:
    """Return the SHA-256 of what a decision is about, as canonical JSON."""
    return digest([tool, arguments])


def has_expired(expires_at: str, at: str = "") -> bool:
    """Tell whether the time for an answer is over, or was at a time."""
    return bool(expires_at) and _time(at or timestamp()) >= _time(expires_at)


def _time(at: str) -> datetime:
    return datetime.fromisoformat(at).astimezone(UTC)


def call_named(state: RunState, name: str) -> str:
    """Return the key of the call that is meant.

    Args:
        state: How far the run is.
        name: The key, or how the call's short name begins.

    Raises:
        InputError: If the run has asked nobody about such a call, or about several.
    """
    run_id = state.accepted.run_id
    known = known_calls(state)
    meant = meant_calls(name, known)
    if not meant:
        raise InputError(
            f"run {run_id!r} asks nothing about a call {name!r}",
            f"see what it asks: zg runs approvals {run_id}",
            run_id=run_id,
            call=name,
        )
    if len(meant) > 1:
        raise InputError(
            f"{len(meant)} calls of run {run_id!r} begin with {name!r}",
            f"write more: {', '.join(short_name(key, known) for key in meant)}",
            run_id=run_id,
            call=name,
        )
    return meant[0]


def judged(
    state: RunState,
    said: Decision,
    host: PluginHost,
    redacted: Callable[[Json], Json],
) -> Decision:
    """Return a decision as it may be recorded.

    Args:
        state: How far the run is.
        said: What somebody said; in time is when they did, or now if that is not known.
        host: Where tools are found, whose arguments may have been edited.
        redacted: Returns a value as it would be recorded: without secrets.

    Raises:
        InputError: If it comes too late, is about something else, does not fit, or
            holds a secret.
        UnknownNameError: If the tool is not there whose arguments were edited.
    """
    name = short_name(said.call_key, known_calls(state))
    if said.by == EXPIRY:
        raise _refused(
            state,
            name,
            f"nobody can be called {EXPIRY!r}, which stands for time that is over",
            "say who decides",
        )
    if state.ended_at:
        raise _refused(
            state,
            name,
            f"run {state.accepted.run_id!r} is {state.status}, and waits for nobody",
            f"have it go on first: zg runs resume {state.accepted.run_id}",
        )
    asked = state.questions.get(said.call_key)
    if asked is None:
        raise _no_question(state, said.call_key, name)
    if has_expired(asked.expires_at, said.at):
        raise _refused(
            state,
            name,
            f"the time to answer call {name} was over at {asked.expires_at}",
            f"have the run go on: zg runs resume {state.accepted.run_id}",
        )
    if isinstance(said, InputGiven):
        taken: Decision = _input(state, asked, said, name)
        value: Json = said.value
    else:
        taken = _approval(state, asked, said, name, host)
        value = taken.arguments
    if redacted(value) != value:
        raise _refused(
            state,
            name,
            f"what call {name} would be given holds a secret, which is never recorded",
            "let the tool or agent take it from its plugin's settings",
        )
    return taken


def _no_question(state: RunState, key: str, name: str) -> InputError:
    decided = state.decisions.get(key)
    if decided is None:
        return _refused(
            state,
            name,
            f"call {name} waits for nobody any more",
            f"see what does: zg runs approvals {state.accepted.run_id}",
        )
    by = f" by {decided.by}" if decided.by else ""
    return _refused(
        state,
        name,
        f"call {name} was decided before: {_word(decided)}{by} at {decided.at}",
        "nothing was changed; the first decision holds",
    )


def _word(decided: Decision) -> str:
    if isinstance(decided, InputGiven):
        return "answered"
    return "allowed" if decided.allow else "refused"


def _input(state: RunState, asked: Question, said: InputGiven, name: str) -> Decision:
    run_id = state.accepted.run_id
    if not isinstance(asked, InputRequested):
        raise _refused(
            state,
            name,
            f"call {name} is to be allowed or refused, and asks for no answer",
            f"zg runs approve {run_id} {name}, or zg runs reject {run_id} {name}",
        )
    schema = asked.schema or {"type": "string"}
    _check_fits(state, name, "the answer", schema, said.value)
    return said


def _approval(
    state: RunState,
    asked: Question,
    said: ApprovalDecided,
    name: str,
    host: PluginHost,
) -> ApprovalDecided:
    run_id = state.accepted.run_id
    if not isinstance(asked, ApprovalRequested):
        raise _refused(
            state,
            name,
            f"call {name} asks for an answer, and not for leave",
            f"zg runs answer {run_id} {name} VALUE",
        )
    if said.digest != asked.digest:
        raise _refused(
            state,
            name,
            f"call {name} is not what was looked at: what it would do has changed",
            f"look again: zg runs approvals {run_id}",
        )
    if said.arguments is None or not said.allow:
        return replace(said, arguments=None)
    if not asked.tool:
        raise _refused(
            state,
            name,
            f"call {name} is no tool's, and nothing in it can be edited",
            f"zg runs approve {run_id} {name}, or zg runs reject {run_id} {name}",
        )
    spec = host.find("tool", asked.tool).spec
    assert isinstance(spec, ToolSpec)
    schema = parameters_of(spec)
    _check_fits(state, name, "the edited arguments", schema, said.arguments)
    return said


def _check_fits(
    state: RunState, name: str, what: str, schema: JsonObject, value: Json
) -> None:
    errors = argument_errors(schema, value)
    if errors:
        raise _refused(
            state,
            name,
            f"{what} of call {name} would not fit: {'; '.join(errors)}",
            f"see what is asked: zg runs approvals {state.accepted.run_id}",
        )


def _refused(state: RunState, name: str, cause: str, remedy: str) -> InputError:
    return InputError(cause, remedy, run_id=state.accepted.run_id, call=name)
