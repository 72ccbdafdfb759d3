"""The exporter: it takes the events of all runs, and sends on what it makes of them."""

from __future__ import annotations

import collections
import json
import pathlib
from collections import abc

import zg_core.plugin_api as zg
from zg_core import Event


class ExampleExporter:
    """Counts events by what they are, and appends the counts to a file.

    Args:
        file: Gets a line of JSON at each flush, if anything happened since the last.
    """

    def __init__(self, file: pathlib.Path) -> None:
        self._file = file
        self._counts: collections.Counter[str] = collections.Counter()

    def export(self, events: abc.Sequence[Event]) -> None:
        """Count a batch of events."""
        self._counts.update(type(event).__name__ for event in events)

    def flush(self, seconds: float) -> None:
        """Write the counts, and begin anew."""
        if self._counts:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(self._counts, sort_keys=True) + "\n")
            self._counts.clear()

    def close(self) -> None:
        """Write what is left."""
        self.flush(0)


def make_exporter(settings: zg.Settings) -> ExampleExporter:
    """Make the exporter from the plugin's section of the configuration."""
    return ExampleExporter(pathlib.Path(settings.get("file", "zg-example.jsonl")))
