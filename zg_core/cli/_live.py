"""Show a run on a terminal, as a tree of its steps that changes as it goes on."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from zg_core._machine import RunState
from zg_core._names import local_name
from zg_core.events import ArtifactWritten, Event, ModelFailed, Progressed, StepStarted
from zg_core.results import StepResult, result_of
from zg_core.running.recorder import TextDelta

from ._output import Output, plain
from ._words import cost, in_words, model_line, names, seconds, tokens

__all__ = ["LiveTree"]

_MARKS = {
    "waiting": ("·", "dim"),
    "running": ("▸", "cyan"),
    "finished": ("✓", "green"),
    "degraded": ("!", "yellow"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "red"),
}
_LONGEST_TEXT = 200


class LiveTree:
    """Shows each step with its agent, model, tokens, cost and time."""

    def __init__(self, output: Output) -> None:
        self._state: RunState | None = None
        self._began: dict[str, float] = {}
        self._doing: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._said = ""
        # Its own streams are left alone: what plugins print goes to standard error.
        self._live = Live(
            console=Console(file=output.stdout, highlight=False, emoji=False),
            get_renderable=self._tree,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, item: Event | TextDelta, state: RunState, *, new: bool) -> None:
        """Take a fact up; it is drawn at the next refresh."""
        self._state = state
        match item:
            case TextDelta():
                before = "" if item.restarted else self._texts.get(item.call_key, "")
                text = (before + item.text)[-_LONGEST_TEXT:]
                self._texts[item.call_key] = self._doing[item.step] = text
            case StepStarted() if new:
                self._began[item.step] = time.monotonic()
                self._doing.pop(item.step, None)
            case Progressed() | ModelFailed() | ArtifactWritten():
                self._doing[item.step] = in_words(item).partition(": ")[2]

    def say(self, text: str) -> None:
        """Show a line below the tree."""
        self._said = text

    def _tree(self) -> Tree:
        tree = Tree(self._headline(), guide_style="dim")
        if self._state is None:
            return tree
        taking_part = {step.name for step in self._state.workflow.steps}
        steps = [s for s in result_of(self._state).history if s.step in taking_part]
        width = max(len(step.step) for step in steps)
        for step in steps:
            branch = tree.add(self._line(step, width))
            if step.status == "running" and (doing := self._last_words(step.step)):
                branch.add(_one_line(doing, "dim"))
            if step.error is not None:
                branch.add(_one_line(step.error.cause, "red"))
            for path in step.artifacts:
                branch.add(_one_line(path, "green"))
        if self._said:
            tree.add(_one_line(self._said, "yellow"))
        return tree

    def _headline(self) -> Text:
        state = self._state
        if state is None or state.started is None:
            return _one_line("beginning", "dim")
        line = _one_line(model_line(state.started.model, state.started.model_reason))
        line.append(f"\nrun {state.accepted.run_id}", style="dim")
        if state.route is not None:
            chosen = f"{state.route.label}: {names(state.route.agents)}"
            line.append(f"\n{plain(chosen)}", style="dim")
        return line

    def _line(self, step: StepResult, width: int) -> Text:
        mark, style = _MARKS[step.status]
        facts = [local_name(step.agent)] if local_name(step.agent) != step.step else []
        facts += step.models[-1:]
        if calls := step.usage.calls:
            facts.append(tokens(step.usage.total_tokens))
            facts.append(cost(step.cost_usd, step.unpriced_calls, calls))
        took = step.duration_seconds
        if step.status == "running":
            took = time.monotonic() - self._began.get(step.step, time.monotonic())
        if took is not None:
            facts.append(seconds(took))
        line = _one_line(f"{mark} {step.step}".ljust(width + 2), style)
        return line.append(f"  {plain('  '.join(facts))}", style="default")

    def _last_words(self, step: str) -> str:
        lines = self._doing.get(step, "").strip().splitlines()
        return lines[-1] if lines else ""


def _one_line(text: str, style: str = "") -> Text:
    text = plain(text).replace("\n", " ").replace("\t", " ")
    return Text(text, style, no_wrap=True, overflow="ellipsis")
