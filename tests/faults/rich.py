"""A run with some of everything, and what it does outside of its journal.

Steps side by side, items, rounds, agents that ask agents, tools of every effect, people
who decide and answer, a model that fails once, and a step that is not done.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from offering import Offering, ask

import zg_core as zg
from zg_core._machine import fold
from zg_plugins_builtin.agents import LLMAgent

__all__ = [
    "DECIDED",
    "FAILS_ONCE",
    "FILES",
    "WORKFLOW",
    "World",
    "answer",
    "decide",
    "meaning",
    "unsure",
]

FILES = {"site.txt": b"a meadow"}
FAILS_ONCE = "fail once"
"""What a model is asked that fails at the first attempt."""
DECIDED = {"amount": 1}
"""What a person makes of what is to be paid."""
_SHADES = {"type": "string", "enum": ["red", "blue"]}
_AFTER = ("plan",)

WORKFLOW = zg.Workflow(
    "rich",
    (
        zg.Step("plan", agent="planner", prompt="plan it"),
        zg.Step("left", agent="builder", needs=_AFTER, prompt="build the left"),
        zg.Step("right", agent="asker", needs=_AFTER, prompt=FAILS_ONCE),
        zg.Step(
            "each",
            agent="asker",
            needs=_AFTER,
            for_each="plan",
            parallel=2,
            prompt="paint the {item}",
        ),
        zg.Step("draft", agent="asker", needs=_AFTER, prompt="draft {round}: {judge}"),
        zg.Step(
            "judge",
            agent="judge",
            needs=("draft",),
            prompt="round {round} of {draft}",
            repeat=zg.Repeat(until="output.approved", back_to="draft", rounds=3),
        ),
        zg.Step("council", agent="council", needs=_AFTER),
        zg.Step("books", agent="keeper", needs=_AFTER),
        zg.Step("shop", agent="buyer", needs=_AFTER),
        zg.Step("colour", agent="shy", needs=_AFTER),
        zg.Step("leave", agent="polite", needs=_AFTER),
        zg.Step("never", agent="asker", needs=_AFTER, when="plan[0] == 'nothing'"),
        zg.Step(
            "close",
            agent="closer",
            needs=(
                *("left", "right", "each", "judge", "council"),
                *("books", "shop", "colour", "leave", "never"),
            ),
        ),
    ),
)


@dataclass(frozen=True)
class World:
    """What is outside of the journal: a folder in which tools leave lines.

    Attributes:
        folder: Where the files are.
        deadly: A tool that kills its process once it has done what it does.
        files: Their names: one for each tool.
    """

    folder: Path
    deadly: str = ""
    files: ClassVar = ("books", "paid", "stamps")

    def lines(self, name: str) -> list[str]:
        """Return the lines of a file, in their order; none if there is no file."""
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []

    def plugin(self) -> Offering:
        @zg.tool(effect="once")
        def enter(line: str) -> str:
            """Enter a line into the books."""
            return self._add("enter", "books", line)

        @zg.tool(effect="once", requires_approval=True)
        def pay(amount: int) -> str:
            """Pay."""
            return self._add("pay", "paid", str(amount))

        @zg.tool(effect="idempotent")
        async def stamp(ctx: zg.Context, what: str) -> str:
            """Stamp it."""
            self._add("stamp", "stamps", ctx.call_key)
            return f"stamped {what}"

        scribe = LLMAgent(
            name="scribe", instructions="Write.", tools=("stamp", "ask_agent")
        )
        builder = LLMAgent(name="builder", instructions="Build.", tools=("stamp",))
        return Offering(
            *(enter, pay, stamp),
            asker=ask(),
            builder=builder,
            buyer=buyer,
            closer=closer,
            council=council,
            judge=judge,
            keeper=keeper,
            planner=planner,
            polite=polite,
            scribe=scribe,
            shy=shy,
        )

    def _add(self, tool: str, name: str, line: str) -> str:
        with (self.folder / name).open("a") as file:
            file.write(f"{line}\n")
        if tool == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"


# -- Agents ----------------------------------------------------------------------------


async def planner(ctx: zg.Context) -> zg.Reply:
    answer = await ctx.complete([zg.Message.user(ctx.prompt)])
    path = await ctx.write_artifact("plan.md", answer.text)
    return zg.Reply(output=[*answer.text.split()], artifacts=(path,))


async def judge(ctx: zg.Context) -> zg.Reply:
    said = await ctx.complete([zg.Message.user(ctx.prompt)])
    good = ctx.prompt.startswith("round 2")
    return zg.Reply(output={"approved": good, "said": said.text})


async def council(ctx: zg.Context) -> zg.Reply:
    results = await ctx.run_agents(
        [
            zg.AgentCall(agent="asker", prompt="weigh the costs"),
            zg.AgentCall(agent="scribe", prompt="weigh the gains"),
        ]
    )
    return zg.Reply(output=[result.reply and result.reply.output for result in results])


async def keeper(ctx: zg.Context) -> zg.Reply:
    await ctx.call_tool("enter", {"line": "bought a shed"})
    return zg.Reply(output="entered")


async def buyer(ctx: zg.Context) -> zg.Reply:
    await ctx.call_tool("pay", {"amount": 3})
    return zg.Reply(output="bought")


async def shy(ctx: zg.Context) -> zg.Reply:
    colour = await ctx.ask("Which colour?", _SHADES)
    mixed = await ctx.complete([zg.Message.user(f"mix {colour}")])
    return zg.Reply(output=mixed.text)


async def polite(ctx: zg.Context) -> zg.Reply:
    return zg.Reply(output=await ctx.approve("pull it down", {"what": "the shed"}))


async def closer(ctx: zg.Context) -> zg.Reply:
    await ctx.now()
    read = [ctx.workspace.read(path).decode() for path in (*ctx.files, "plan.md")]
    told = "\n".join([*read, *(f"{n}: {o}" for n, o in sorted(ctx.outputs.items()))])
    path = await ctx.write_artifact("README.md", told)
    return zg.Reply(output=told, artifacts=(path,))


# -- Its model -------------------------------------------------------------------------


def answer(prompt: str, *, fresh: bool) -> str | tuple[zg.ToolCall, ...]:
    """Return what the model says to a prompt.

    Args:
        prompt: The prompt.
        fresh: Whether it has not called its tools yet.
    """
    if prompt == "plan it":
        return "walls roof door"
    wishes: tuple[tuple[str, zg.JsonObject], ...] = ()
    if fresh and prompt == "build the left":
        wishes = (("stamp", {"what": "left"}),)
    if fresh and prompt == "weigh the gains":
        asked: zg.JsonObject = {"agent": "asker", "prompt": "weigh the rest"}
        wishes = (("stamp", {"what": "gains"}), ("ask_agent", asked))
    if not wishes:
        return f"answer to {prompt}"
    return tuple(
        zg.ToolCall(call_id=f"call_{number}", name=name, arguments=arguments)
        for number, (name, arguments) in enumerate(wishes)
    )


# -- Its people ------------------------------------------------------------------------


async def decide(engine: zg.Engine, world: World, run_id: str) -> None:
    """Say all that people are asked; who is not sure what was done looks first."""
    for question in await engine.pending(run_id):
        try:
            await _decide(engine, world, run_id, question)
        except zg.InputError as error:
            # What she asked for before a process was killed is taken up first.
            if "was decided before" not in error.cause:
                raise


async def _decide(
    engine: zg.Engine, world: World, run_id: str, question: zg.OpenQuestion
) -> None:
    if question.kind == "input":
        await engine.answer(run_id, question.call, "blue", by="Ann")
    elif question.reason.startswith("nobody knows"):
        await _judge_unknown(engine, world, run_id, question)
    elif question.tool:
        await engine.approve(run_id, question.call, edit=DECIDED, by="Ann")
    else:
        await engine.approve(run_id, question.call, by="Ann")


async def _judge_unknown(
    engine: zg.Engine, world: World, run_id: str, question: zg.OpenQuestion
) -> None:
    paying = question.tool == "offering:pay"
    if world.lines("paid" if paying else "books"):
        await engine.reject(run_id, question.call, by="Bob", reason="it was done")
    else:
        edit = DECIDED if paying else None
        await engine.approve(run_id, question.call, edit=edit, by="Bob")


# -- What it comes to ------------------------------------------------------------------

_OF_TIME_AND_ATTEMPTS = {
    *("at", "seq", "started_at", "ended_at", "expires_at", "micros"),
    *("worked_micros", "since", "heard_at"),
    *("failures", "lost_calls", "lost_tokens", "lost_nanos", "out", "request_id"),
}


def unsure(events: Iterable[zg.Event]) -> set[str]:
    """Return the calls of which nobody knew whether they had been made."""
    return {
        event.call_key
        for event in events
        if isinstance(event, zg.ApprovalRequested)
        and event.reason.startswith("nobody knows")
    }


def meaning(events: Iterable[zg.Event], *, but: set[str]) -> Any:
    """Return all that must not depend on where, and how often, a run was cut.

    Args:
        events: The run.
        but: Calls about which people decided something that they did not in another.
    """
    state = fold(events)
    decided = {key: said for key, said in state.decisions.items() if key not in but}
    steps = {
        name: replace(step, calls=0, parts={p: _calm(s) for p, s in step.parts.items()})
        for name, step in state.steps.items()
    }
    return _plain(asdict(replace(state, decisions=decided, steps=steps)))


def _calm(part: Any) -> Any:
    return replace(part, calls=0)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: sorted(map(str, part))
            if key in {"artifacts", "plugins"}
            else _plain(part)
            for key, part in value.items()
            if key not in _OF_TIME_AND_ATTEMPTS
        }
    return (
        [_plain(part) for part in value] if isinstance(value, list | tuple) else value
    )
