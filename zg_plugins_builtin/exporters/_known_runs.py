"""What an exporter must keep of a run to measure it: when it and its steps began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["KnownRun", "KnownRuns"]

_MOST = 10_000


@dataclass(slots=True)
class KnownRun:
    """One run, as far as its events were seen.

    Attributes:
        workflow: Its workflow's name; empty if its acceptance was not seen.
        agents: Qualified name of each step's agent.
        began: When it began, or was taken up again; empty while nobody does it.
        steps: When each step began that is under way.
    """

    workflow: str = ""
    agents: Mapping[str, str] = field(default_factory=dict)
    began: str = ""
    steps: dict[str, str] = field(default_factory=dict)

    def begin(self, at: str) -> None:
        """Note that an engine does it from now on."""
        self.began = at
        self.steps.clear()

    def end(self, at: str) -> float | None:
        """Note that it ended, and return how long it took if that is known."""
        began, self.began = self.began, ""
        return _seconds(began, at)

    def end_step(self, step: str, at: str) -> float | None:
        """Note that a step ended, and return how long it took if that is known."""
        return _seconds(self.steps.pop(step, ""), at)


class KnownRuns:
    """The runs seen last.

    Those that failed or were stopped are kept, since they can be resumed; of too
    many the oldest are forgotten.
    """

    def __init__(self) -> None:
        self._runs: dict[str, KnownRun] = {}

    def __getitem__(self, run_id: str) -> KnownRun:
        if run_id not in self._runs:
            self._runs[run_id] = KnownRun()
            if len(self._runs) > _MOST:
                del self._runs[next(iter(self._runs))]
        return self._runs[run_id]

    def forget(self, run_id: str) -> None:
        """Let go of a run with nothing left to do."""
        self._runs.pop(run_id, None)

    @property
    def under_way(self) -> int:
        """How many are being done."""
        return sum(bool(run.began) for run in self._runs.values())


def _seconds(began: str, ended: str) -> float | None:
    if not began or not ended:
        return None
    took = datetime.fromisoformat(ended) - datetime.fromisoformat(began)
    return max(took.total_seconds(), 0.0)
