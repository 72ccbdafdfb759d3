"""The exporter writes what happened, once."""

from __future__ import annotations

import json
from pathlib import Path

import zg_core as zg

from zg_example.exporters import make_exporter


def test_what_happened_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "counts.jsonl"
    exporter = make_exporter(zg.Settings("zg-example", {"file": str(file)}))
    end = zg.RunFinished(output="done")

    exporter.export([end, zg.RunCancelled(), end])
    exporter.flush(1)
    exporter.export([end])
    exporter.close()

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines == [{"RunCancelled": 1, "RunFinished": 2}, {"RunFinished": 1}]


def test_nothing_is_written_where_nothing_happened(tmp_path: Path) -> None:
    file = tmp_path / "counts.jsonl"

    make_exporter(zg.Settings("zg-example", {"file": str(file)})).close()

    assert not file.exists()
