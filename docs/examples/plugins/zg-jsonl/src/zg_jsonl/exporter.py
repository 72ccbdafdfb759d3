"""Writes every event of every run to a file, a line each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import zg_core as zg

__all__ = ["JsonlExporter", "make_exporter"]


class JsonlExporter:
    """Appends to one file; several processes may.

    Each batch is one write, so that lines of two processes do not mix.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def export(self, events: Sequence[zg.Event]) -> None:
        """Write a batch of events.

        Raises:
            OSError: If the file cannot be written; the events are then lost.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lines = (
            json.dumps(zg.event_document(event), ensure_ascii=False) for event in events
        )
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def flush(self, seconds: float) -> None:
        """Do nothing: each batch is written at once."""

    def close(self) -> None:
        """Do nothing: the file is open only while it is written."""


def make_exporter(settings: zg.Settings) -> JsonlExporter:
    """Make the exporter."""
    return JsonlExporter(
        Path(str(settings.get("events", "zg-events.jsonl"))).expanduser()
    )
