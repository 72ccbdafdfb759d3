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
        steps: The agent at each path that is under way, and when it began.
    """

    workflow: str = ""
    agents: Mapping[str, str] = field(default_factory=dict)
    began: str = ""
    steps: dict[str, tuple[str, str]] = field(default_factory=dict)

    def begin(self, at: str) -> None:
        """Note that an engine does it from now on."""
        self.began = at
        self.steps.clear()

    def end(self, at: str) -> float | None:
        """Note that it ended, and return how long it took if that is known."""
        began, self.began = self.began, ""
        return _seconds(began, at)

    def begin_step(self, path: str, agent: str, at: str) -> None:
        """Note that an agent began."""
        self.steps[path] = agent, at

    def end_step(self, path: str, at: str) -> tuple[str, float | None]:
        """Note that an agent ended, and all that it asked.

        Returns:
            Its qualified name, and how long it took if that is known.
        """
        agent, began = self.steps.pop(path, (self.agents.get(path, ""), ""))
        if self.steps:
            below = f"{path}/", f"{path}["
            for part in [part for part in self.steps if part.startswith(below)]:
                del self.steps[part]  # nobody waited for it
        return agent, _seconds(began, at)


class KnownRuns:
    """The runs seen last.

    Those that failed, were stopped or are paused are kept, since they can be resumed;
    of too many the oldest are forgotten.
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
