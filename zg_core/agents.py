"""An agent turns a prompt into a reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ._json import Json
from .contexts import Context

__all__ = ["Agent", "Reply"]


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
        """Do the step; a plain ``def`` is called in a thread."""
        ...
