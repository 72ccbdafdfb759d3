"""What became of what somebody asked of a run."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of what somebody asked of a run; true if it is done.

    What is refused is no outcome: it raises why.

    Attributes:
        done: Whether it is recorded, and holds; else whoever does the run has been
            asked, and has not taken it up yet.
        request_id: The journal's id of the request. The event that it becomes has
            the same. Empty if nothing had to be asked.
    """

    done: bool
    request_id: str = ""

    def __bool__(self) -> bool:
        return self.done
