"""Show a job on a terminal, as a tree of its steps that changes as it goes on."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree as Drawn

from ..records import Event
from ._words import in_words, local_name, tokens

__all__ = ["Tree"]

_MARKS = {
    "running": ("▸", "cyan"),
    "finished": ("✓", "green"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "red"),
}
_LONGEST = 200
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@dataclass
class _Step:
    """What is seen of a step."""

    agent: str
    status: str = "running"
    model: str = ""
    tokens: int = 0
    doing: str = ""
    error: str = ""
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None


class Tree:
    """Shows each step with its agent, model, tokens and time."""

    def __init__(self, output: Any, *, stream: bool) -> None:
        self._stream = stream
        self._steps: dict[str, _Step] = {}
        self._head = "waiting to begin"
        self._said = ""
        self._console = Console(file=output.stdout, highlight=False, emoji=False)
        self._live = self._fresh()

    def _fresh(self) -> Live:
        return Live(
            console=self._console,
            get_renderable=self._drawn,
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

    def say(self, text: str) -> None:
        """Show a line below the tree."""
        self._said = text

    def show(self, event: Event) -> None:
        """Take a fact up; it is drawn at the next refresh."""
        data, name = event.data, event.data.get("step_id")
        if not isinstance(name, str):
            if event.type == "artifact.created":
                self._said = in_words(event)
            elif text := in_words(event):
                self._head = text
            return
        step = self._steps.get(name)
        if step is None or event.type == "step.started":
            step = self._steps[name] = _Step(local_name(data.get("agent") or ""))
        self._take(step, event.type, data)

    def _take(self, step: _Step, kind: str, data: Any) -> None:
        match kind:
            case "message.delta" if self._stream:
                before = "" if data.get("restarted") else step.doing
                step.doing = (before + str(data.get("delta", "")))[-_LONGEST:]
            case "message.completed":
                used = data.get("usage") or {}
                step.model = str(data.get("model", ""))
                step.tokens += used.get("input_tokens") or 0
                step.tokens += used.get("output_tokens") or 0
            case "step.finished" | "step.skipped":
                step.status = "finished" if data.get("ok") else "failed"
                if kind == "step.skipped":
                    step.status = "skipped"
                step.error = str(data.get("error") or "")
                step.ended = time.monotonic()
            case "job.progress" | "tool.finished" | "model.failed":
                step.doing = in_words(Event(type=kind, data={**data, "step_id": None}))

    def _drawn(self) -> Drawn:
        tree = Drawn(_line(self._head, "dim"), guide_style="dim")
        width = max(map(len, self._steps), default=0)
        for name, step in self._steps.items():
            mark, style = _MARKS[step.status]
            seconds = (step.ended or time.monotonic()) - step.began
            facts = [step.agent, step.model, tokens(step.tokens) if step.tokens else ""]
            text = _line(f"{mark} {name}".ljust(width + 2), style)
            shown = [*filter(None, facts), f"{seconds:.1f} s"]
            branch = tree.add(text.append(f"  {_plain('  '.join(shown))}", "default"))
            lines = step.doing.strip().splitlines()
            if step.status == "running" and lines:
                branch.add(_line(lines[-1], "dim"))
            if step.error:
                branch.add(_line(step.error, "red"))
        if self._said:
            tree.add(_line(self._said, "yellow"))
        return tree


def _plain(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _line(text: str, style: str) -> Text:
    return Text(_plain(text), style, no_wrap=True, overflow="ellipsis")
