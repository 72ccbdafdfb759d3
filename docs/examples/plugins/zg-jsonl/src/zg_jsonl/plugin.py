"""What the plugin offers: an exporter, and hooks that keep a ledger of runs.

Both are off until the user's configuration lists them: the exporter ``jsonl`` writes
every event, the observer ``zg-jsonl`` one line about each run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import zg_core.plugin_api as zg

from .ledger import Ledger

_ledger = Ledger()


@zg.hookimpl
def zg_register_exporters() -> list[zg.ExporterSpec]:
    """Offer the exporter."""
    return [
        zg.ExporterSpec(
            name="jsonl",
            description="Writes every event to a file, a line each.",
            factory="zg_jsonl.exporter:make_exporter",
            signals=frozenset({"events"}),
        )
    ]


@zg.hookimpl
def zg_configure(config: Mapping[str, Any]) -> None:
    """Take note of where the ledger is to be."""
    _ledger.configure(config)


@zg.hookimpl
def zg_run_started(run: zg.RunInfo) -> None:
    """Begin a line."""
    _ledger.begin(run)


@zg.hookimpl
def zg_step_started(run: zg.RunInfo, step: zg.StepInfo) -> None:
    """Note who takes part."""
    _ledger.note_step(run, step)


@zg.hookimpl
def zg_model_called(run: zg.RunInfo, call: zg.ModelCallInfo) -> None:
    """Count a call of a model."""
    _ledger.count(run, call.model, failed=call.error is not None)


@zg.hookimpl
def zg_tool_called(run: zg.RunInfo, call: zg.ToolCallInfo) -> None:
    """Count a call of a tool."""
    _ledger.count(run, call.tool, failed=call.result.error is not None)


@zg.hookimpl
def zg_step_finished(
    run: zg.RunInfo, step: zg.StepInfo, outcome: zg.StepOutcome
) -> None:
    """Note how a step ended."""
    _ledger.note_step(run, step, outcome.status)


@zg.hookimpl
def zg_run_finished(run: zg.RunInfo, outcome: zg.RunOutcome) -> None:
    """Write the line."""
    _ledger.write(run, outcome)


@zg.hookimpl
def zg_shutdown() -> None:
    """Forget runs that came to no end here."""
    _ledger.clear()
