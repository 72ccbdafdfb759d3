"""Where the CPU of a run of one agent goes, from one thing it does to the next.

A profiler that looks at each function makes many small ones seem dear; this reads the
clock at some thirty places of a thousand runs, and shows the medians between them.
"""

from __future__ import annotations

import asyncio
import functools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from _calls import OBJECTIVE, engine, plain_workflow

import zg_core.engine
import zg_core.running.driving
import zg_core.running.model_calls
import zg_core.running.run
import zg_core.running.steps
import zg_plugins_builtin.agents.llm
import zg_plugins_builtin.providers.openai
from zg_core.running.recorder import Recorder
from zg_core.testing.wire import serve_apart

RUNS = 1000
_MARKED: tuple[tuple[Any, str, str], ...] = (
    (zg_core.engine, "accept", "accept"),
    (zg_core.running.driving, "do_run", "do the run"),
    (zg_core.running.run, "_until_stopped", "do its steps"),
    (zg_core.running.run, "run_step", "a step"),
    (zg_core.running.steps, "reply_of", "its agent"),
    (zg_plugins_builtin.agents.llm.LLMAgent, "run", "the agent's code"),
    (zg_core.running.model_calls.ModelCalls, "answer", "ctx.complete"),
    (Recorder, "record", "record"),
    (zg_plugins_builtin.providers.openai.OpenAIProvider, "complete", "the provider"),
)

_clock = time.process_time
_marks: list[tuple[str, float]] = []


def _mark(owner: Any, name: str, label: str) -> None:
    """Have the clock read where a function of a run begins and ends."""
    function: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(function)
    async def marked(*args: Any, **more: Any) -> Any:
        what = f"{label} {type(args[1]).__name__}" if label == "record" else label
        _marks.append((f"{what} …", _clock()))
        try:
            return await function(*args, **more)
        finally:
            _marks.append((f"… {what}", _clock()))

    setattr(owner, name, marked)


async def measure(url: str) -> dict[tuple[str, str], list[float]]:
    """Return what there was between each two marks, in seconds, by their names."""
    workflow = plain_workflow(1)
    between: dict[tuple[str, str], list[float]] = defaultdict(list)
    async with engine(url) as opened:
        for _ in range(50):
            await opened.run(workflow, OBJECTIVE)
        for _ in range(RUNS):
            _marks[:] = [("a run …", _clock())]
            await opened.run(workflow, OBJECTIVE)
            _marks.append(("… a run", _clock()))
            for (name, at), (then, later) in pairwise(_marks):
                between[name, then].append(later - at)
    return between


def main() -> None:
    """Print the medians, in the order in which a run comes by."""
    for owner, name, label in _MARKED:
        _mark(owner, name, label)
    with serve_apart() as url:
        between = asyncio.run(measure(url))
    total = 0.0
    for (name, then), took in between.items():
        if len(took) == RUNS:
            micros = statistics.median(took) * 1e6
            total += micros
            print(f"{micros:8.0f} µs  {name:30} {then}")
    print(f"{total:8.0f} µs  in all")


if __name__ == "__main__":
    main()
