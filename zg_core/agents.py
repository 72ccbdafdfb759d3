"""An agent turns a prompt into a reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ._json import Json
from .contexts import Context
from .errors import ZeroGravityError
from .usage import Limits

__all__ = ["Agent", "AgentCall", "AgentResult", "Reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an agent made of its prompt.

    Attributes:
        output: Text, or any JSON value.
        artifacts: Paths of the files that belong to it, in the run's folder.
    """

    output: Json
    artifacts: tuple[str, ...] = ()


@runtime_checkable
class Agent(Protocol):
    """Turns a prompt into a reply.

    One object serves any number of runs at once, so it keeps no state of any:
    all that belongs to a run is in its `Context`.
    """

    async def run(self, ctx: Context) -> Reply:
        """Do the step; a plain ``def`` is called in a thread.

        When its time is up, or the run stops, it has two seconds to end.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCall:
    """What one agent asks another.

    Attributes:
        agent: Its name; a short one means the own plugin's agent first.
        prompt: What it is asked.
        model: The models to try, in order, rather than its own; the user's word for
            the run, or for the step, goes first.
        limits: The most it may spend, of what the asking agent may; its seconds run
            from when it begins.
    """

    agent: str
    prompt: str
    model: str | None = None
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        prompt: object = self.prompt  # of code that nobody has checked the types of
        if not isinstance(prompt, str):
            kind = type(prompt).__name__
            raise TypeError(f"the prompt of an agent is text, and not {kind}")
        limits: object = self.limits
        if not isinstance(limits, Limits):
            kind = type(limits).__name__
            raise TypeError(f"the limits of an agent are Limits, and not {kind}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResult:
    """What came of one of several agents that were asked at once.

    Attributes:
        agent: The agent, as it was named.
        reply: What it replied; `None` if it failed.
        error: What it failed with; `None` if it replied.
    """

    agent: str
    reply: Reply | None = None
    error: ZeroGravityError | None = None
