"""What runs wait for people to say."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from typing import Literal

from ._json import JsonObject
from ._run_state import Question, RunState
from .events import ApprovalRequested

__all__ = [
    "OpenQuestion",
    "known_calls",
    "meant_calls",
    "open_questions",
    "short_name",
]

_SHORT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """What a run waits for a person to say.

    Attributes:
        run_id: The run.
        call: A short name of the call, unique in the run and the same for ever.
        call_key: The call.
        kind: ``approval`` if it is whether something may be done, ``input`` if it is
            something that only people know.
        step: The step, or the part of one, that waits.
        agent: Qualified name of the agent that asks, or whose tool call it is.
        reason: Why a person is asked.
        tool: Qualified name of the tool; empty if an agent asks for itself.
        arguments: What would be done, exactly.
        digest: SHA-256 of tool and arguments as canonical JSON.
        question: The question, where it is for input.
        schema: JSON Schema that the answer must fit; empty is any text.
        asked_at: When: RFC 3339, UTC.
        expires_at: When it is decided without a person; empty is never.
        on_expiry: What then holds: ``reject``, or ``fail``, as always for input.
    """

    run_id: str
    call: str
    call_key: str
    kind: Literal["approval", "input"]
    step: str
    agent: str
    reason: str = ""
    tool: str = ""
    arguments: JsonObject = field(default_factory=dict)
    digest: str = ""
    question: str = ""
    schema: JsonObject = field(default_factory=dict)
    asked_at: str = ""
    expires_at: str = ""
    on_expiry: str = "fail"

    def document(self) -> JsonObject:
        """Return it as a JSON object."""
        return asdict(self)


def open_questions(state: RunState) -> tuple[OpenQuestion, ...]:
    """Return what a run waits for, the oldest first."""
    return tuple(_opened(state)) if not state.ended_at else ()


def _opened(state: RunState) -> Iterator[OpenQuestion]:
    known = known_calls(state)
    for key, asked in sorted(state.questions.items(), key=lambda q: q[1].seq):
        name = short_name(key, known)
        if isinstance(asked, ApprovalRequested):
            yield _approval(state, asked, name)
            continue
        yield OpenQuestion(
            run_id=state.accepted.run_id,
            call=name,
            call_key=key,
            kind="input",
            step=asked.step,
            agent=_agent(state, asked),
            question=asked.question,
            schema=asked.schema,
            asked_at=asked.at,
            expires_at=asked.expires_at,
        )


def _approval(state: RunState, asked: ApprovalRequested, name: str) -> OpenQuestion:
    return OpenQuestion(
        run_id=state.accepted.run_id,
        call=name,
        call_key=asked.call_key,
        kind="approval",
        step=asked.step,
        agent=_agent(state, asked),
        reason=asked.reason,
        tool=asked.tool,
        arguments=asked.arguments,
        digest=asked.digest,
        asked_at=asked.at,
        expires_at=asked.expires_at,
        on_expiry=asked.on_expiry,
    )


def _agent(state: RunState, asked: Question) -> str:
    try:
        return state.at(asked.step).agent
    except KeyError:  # of a part that has not begun again
        return ""


def known_calls(state: RunState) -> frozenset[str]:
    """Return the keys of all calls that people were asked about."""
    return frozenset((*state.questions, *state.decisions))


def short_name(key: str, known: Collection[str]) -> str:
    """Return the shortest name of a call, from eight letters, that no other has."""
    whole = _whole(key)
    others = [_whole(other) for other in known if other != key]
    length = _SHORT
    while any(other.startswith(whole[:length]) for other in others):
        length += 1
    return whole[:length]


def meant_calls(name: str, known: Collection[str]) -> list[str]:
    """Return the calls that are meant by a key, or by how a short name begins."""
    if name in known:
        return [name]
    return [key for key in known if name and _whole(key).startswith(name)]


def _whole(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
