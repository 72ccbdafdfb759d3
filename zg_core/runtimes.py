"""A runtime has runs done elsewhere than in the process that accepted them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["Runtime"]


@runtime_checkable
class Runtime(Protocol):
    """Has accepted runs done.

    The journal says what is true of a run; a runtime only sees to it that somebody
    does it: another process on this machine, or the workers behind a queue.
    """

    async def submit(self, run_id: str, journal: str) -> str:
        """Return once it is certain that the run will be begun.

        Args:
            run_id: A run that was accepted and that nobody owns.
            journal: The address of the journal it is in.

        Returns:
            Where it is done, for people.

        Raises:
            RunError: If nobody can be found to do it.
        """
        ...
