"""Show a run on a terminal, as a tree of its steps that changes as it goes on."""

from __future__ import annotations

import time
from collections import Counter
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from zg_core._machine import RunState, StepState
from zg_core._names import local_name
from zg_core._step_paths import above, depth, round_of
from zg_core.events import (
    ArtifactWritten,
    Event,
    ModelFailed,
    Progressed,
    RunResumed,
    RunStarted,
    StepStarted,
)
from zg_core.results import StepResult, result_of
from zg_core.running.recorder import TextDelta

from ._output import Output, plain
from ._words import cost, in_words, model_line, names, place, seconds, tokens

__all__ = ["LiveTree"]

_MARKS = {
    "waiting": ("·", "dim"),
    "running": ("▸", "cyan"),
    "finished": ("✓", "green"),
    "degraded": ("!", "yellow"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "red"),
}
_ENDED = ("finished", "degraded", "skipped", "failed")
_LONGEST_TEXT = 200


class LiveTree:
    """Shows each step with its agent, model, tokens, cost and time."""

    def __init__(self, output: Output) -> None:
        self._state: RunState | None = None
        self._began: dict[str, float] = {}
        self._doing: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._said = ""
        self._drill = ""
        self._console = Console(file=output.stdout, highlight=False, emoji=False)
        self._live = self._fresh()

    def _fresh(self) -> Live:
        # Its own streams are left alone: what plugins print goes to standard error.
        return Live(
            console=self._console,
            get_renderable=self._tree,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        # One that was stopped would draw over what was written since.
        self._live = self._fresh()
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
            case RunStarted() | RunResumed():
                self._drill = item.drill if new else ""
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
        width = max(len(_named(step)) for step in steps)
        for step in steps:
            state = self._state.steps[step.step]
            branch = tree.add(self._line(step, width))
            if step.status == "running" and (doing := self._last_words(state.path)):
                branch.add(_one_line(doing, "dim"))
            self._show_items(branch, state)
            self._show_asked(branch, state)
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
        started = state.started
        line = _one_line(model_line(started.model, started.model_reason, self._drill))
        line.append(f"\nrun {state.accepted.run_id}", style="dim")
        if state.route is not None:
            chosen = f"{state.route.label}: {names(state.route.agents)}"
            line.append(f"\n{plain(chosen)}", style="dim")
        return line

    def _line(self, step: StepResult, width: int) -> Text:
        mark, style = _MARKS[step.status]
        facts = [local_name(step.agent)] if local_name(step.agent) != step.step else []
        facts += step.models[-1:]
        if step.spent:
            calls = step.usage.calls
            facts.append(tokens(step.usage.total_tokens))
            facts.append(cost(step.cost_usd, step.unpriced_calls, calls))
        took = step.duration_seconds
        if step.status == "running":
            path = round_of(step.step, step.round)
            took = time.monotonic() - self._began.get(path, time.monotonic())
        if took is not None:
            facts.append(seconds(took))
        line = _one_line(f"{mark} {_named(step)}".ljust(width + 2), style)
        return line.append(f"  {plain('  '.join(facts))}", style="default")

    def _show_items(self, branch: Tree, step: StepState) -> None:
        """Show the items of its round: those at work, and how many there are."""
        if step.items is None:
            return
        parts = [p for path, p in step.parts.items() if above(path) == step.path]
        items = [part for part in parts if not depth(part.name)]
        for part in items:
            if part.status == "running":
                doing = self._last_words(part.name)
                line = f"▸ {place(part.name)}{doing and f'  {doing}'}"
                branch.add(_one_line(line, "cyan"))
        ended: Counter[str] = Counter(part.status for part in items)
        said = [f"{ended[status]:,} {status}" for status in _ENDED if ended[status]]
        count = f"{len(step.items):,} item{'s' * (len(step.items) != 1)}"
        branch.add(_one_line(", ".join((count, *said)), "dim"))

    def _show_asked(self, branch: Tree, step: StepState) -> None:
        """Show the agents that are asked: those at work, and how many were."""
        asked = [part for path, part in step.parts.items() if depth(path)]
        places = {"": branch}
        for part in asked:
            if part.status == "running":
                above, _, name = part.name.rpartition("/")
                doing = self._last_words(part.name)
                line = _one_line(f"▸ {name}{doing and f'  {doing}'}", "cyan")
                places[part.name] = places.get(above, branch).add(line)
        ended = Counter(part.status for part in asked)
        done = [
            f"{ended[s]} {s}" for s in ("finished", "failed", "skipped") if ended[s]
        ]
        if done:
            branch.add(_one_line(f"asked: {', '.join(done)}", "dim"))

    def _last_words(self, step: str) -> str:
        lines = self._doing.get(step, "").strip().splitlines()
        return lines[-1] if lines else ""


def _named(step: StepResult) -> str:
    return place(round_of(step.step, step.round))


def _one_line(text: str, style: str = "") -> Text:
    text = plain(text).replace("\n", " ").replace("\t", " ")
    return Text(text, style, no_wrap=True, overflow="ellipsis")
