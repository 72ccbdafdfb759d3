"""What is recorded of calls: their outcomes, and words for what they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from .. import errors
from .._json import Json, JsonObject
from ..agents import Reply
from ..errors import GuardrailError, ProviderError, RunError, ZeroGravityError
from ..events import ErrorInfo, ToolStarted
from ..messages import ToolResult
from ..models import Request, Response
from .recorder import error_info

__all__ = [
    "AgentFailed",
    "Failed",
    "Outcome",
    "Started",
    "Value",
    "agent_call",
    "asked",
    "shortly",
    "tool_call",
]

_TOLD = frozenset({"self", "cause", "remedy"})  # which an error is told anyway
_MODEL_ERRORS = (ProviderError, GuardrailError)
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Failed:
    """A model call that came to nothing, and whose agent went on all the same."""

    error: ErrorInfo

    def is_one_of(self, errors: Sequence[ErrorInfo]) -> bool:
        """Tell whether an error of these is this, as it was or as it is seen again."""
        return self.error in errors or error_info(self.exception()) in errors

    def exception(self) -> ZeroGravityError:
        """Return the error the agent saw."""
        return _raised(self.error, _MODEL_ERRORS, ProviderError)


@dataclass(frozen=True, slots=True)
class AgentFailed(Failed):
    """Another agent that failed, and whose asker went on all the same.

    Attributes:
        causes: What it made its error of.
    """

    causes: tuple[ErrorInfo, ...] = ()

    def exception(self) -> ZeroGravityError:
        """Return the error its asker saw."""
        return _raised(self.error, (ZeroGravityError,), RunError)


def _raised(
    error: ErrorInfo,
    kinds: tuple[type[ZeroGravityError], ...],
    otherwise: type[ZeroGravityError],
) -> ZeroGravityError:
    """Return a recorded error as what it was, if it was one of these kinds."""
    kind = getattr(errors, error.type, otherwise)
    if not isinstance(kind, type) or not issubclass(kind, kinds):
        kind = otherwise
    details = {k: v for k, v in error.details.items() if k not in _TOLD}
    raised: ZeroGravityError = kind(error.cause, error.remedy, **details)
    return raised


@dataclass(frozen=True, slots=True)
class Started:
    """A tool call that was begun, and has no result for whoever makes it now.

    Attributes:
        event: How it was begun.
        done: Whether it ended, before its step was set back to be done anew; else
            nobody knows, since the engine died meanwhile.
    """

    event: ToolStarted
    done: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """What `Context.once` gave."""

    value: Json


Outcome = Response | ToolResult | Reply | Failed | Started | Value


def tool_call(tool: str, arguments: JsonObject) -> str:
    """Say what a tool call is."""
    shown = shortly(json.dumps(arguments, ensure_ascii=False, default=str))
    return f"the tool call {tool} {shown}"


def agent_call(agent: str, prompt: str) -> str:
    """Say what it is to ask an agent."""
    return f"the question to agent {agent} {shortly(prompt)!r}"


def asked(request: object) -> str:
    """Say what a step asks, by the request that its key is made of."""
    match request:
        case Request():
            last = request.messages[-1].text if request.messages else ""
            return f"the model call {shortly(last)!r}"
        case ("once", name):
            return f"the call of once for {name!r}"
        case ("approve" | "ask", str() as text, _):
            return f"the question {shortly(text)!r}"
        case ("agent", str() as agent, str() as prompt):
            return agent_call(agent, prompt)
        case (str() as tool, dict() as arguments):
            return tool_call(tool, arguments)
    return "another call"


def shortly(text: str) -> str:
    """Return a text on one line, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
