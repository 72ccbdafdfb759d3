"""One line about each run: who took part, what was called, how it ended."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import zg_core.plugin_api as zg

__all__ = ["Ledger"]


@dataclass
class _Entry:
    steps: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)


class Ledger:
    """Keeps entries of runs under way, and writes them when they end.

    Hooks of several runs come at once, from threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._path = Path("zg-runs.jsonl")

    def configure(self, section: Mapping[str, Any]) -> None:
        """Take ``ledger``, the path of the file, from the plugin's section."""
        self._path = Path(str(section.get("ledger", self._path))).expanduser()

    def begin(self, run: zg.RunInfo) -> None:
        """Begin the entry of a run."""
        with self._lock:
            self._entries[run.run_id] = _Entry()

    def note_step(
        self, run: zg.RunInfo, step: zg.StepInfo, status: str = "running"
    ) -> None:
        """Note how far a step is."""
        with self._lock:
            self._entries[run.run_id].steps[f"{step.name} ({step.agent})"] = status

    def count(self, run: zg.RunInfo, name: str, *, failed: bool) -> None:
        """Count a call."""
        with self._lock:
            entry = self._entries[run.run_id]
            entry.calls[name] += 1
            entry.failures[name] += failed

    def write(self, run: zg.RunInfo, outcome: zg.RunOutcome) -> None:
        """Write the entry of a run that ended."""
        with self._lock:
            entry = self._entries.pop(run.run_id)
            line = {
                **asdict(run),
                "status": outcome.status,
                "error": outcome.error.cause if outcome.error else None,
                "tokens": outcome.usage.total_tokens,
                "cost_usd": outcome.cost_usd,
                "steps": entry.steps,
                "calls": dict(entry.calls),
                "failures": dict(+entry.failures),
            }
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def clear(self) -> None:
        """Forget the runs that are under way."""
        with self._lock:
            self._entries.clear()
