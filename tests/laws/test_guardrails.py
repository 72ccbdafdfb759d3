"""Laws of guardrails: what they make of a text, and whom the journal names for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from offering import Offering, flow

import zg_core as zg
from zg_core._codec import digest
from zg_core.testing import ScriptedProvider

Change = Callable[[str], str | None]

CHANGES: dict[str, Change] = {
    "upper": str.upper,
    "lower": str.lower,
    "reverse": lambda text: text[::-1],
    "double": lambda text: text + text if len(text) < 40 else text,
    "sign": lambda text: text + "!",
    "vowels": lambda text: text.translate(str.maketrans("aeiou", "*****")),
    "same": lambda text: text,
    "nothing": lambda text: None,
    "fails": lambda text: "" + 1,  # type: ignore[operator]
}


def changed(change: str, payload: Any) -> Any:
    """Return what a change, which may fail, leaves of a text or a tool's arguments."""
    if isinstance(payload, dict):
        return {key: changed(change, value) for key, value in payload.items()}
    if change == "fails":
        return payload
    new = CHANGES[change](payload)
    return payload if new is None else new


def guardrail(change: str) -> Any:
    def check(payload: Any, ctx: zg.Inspection) -> zg.Verdict:
        if change == "nothing":
            return zg.Verdict(True)
        if change == "fails":
            raise ValueError(payload)
        return zg.Verdict(True, change, changed(change, payload))

    return check


@zg.tool
def echo(text: str) -> str:
    """Say it again."""
    return text


async def agent(ctx: zg.Context) -> zg.Reply:
    answer = await ctx.complete([zg.Message.user(ctx.prompt)])
    result = await ctx.call_tool("echo", {"text": answer.text})
    return zg.Reply(output=result.output)


chains = st.lists(
    st.tuples(st.sampled_from("pqr"), st.sampled_from(sorted(CHANGES))),
    min_size=1,
    max_size=5,
    unique=True,
)
"""Plugins, and which of their guardrails are asked, in this order."""


async def journal_of(chain: Sequence[tuple[str, str]], objective: str) -> list[Any]:
    plugins = [
        Offering(called=name, guardrails={c: guardrail(c) for c in CHANGES})
        for name in "pqr"
    ]
    model = ScriptedProvider(lambda request: request.messages[-1].text)
    names = tuple(f"{plugin}:{change}" for plugin, change in chain)
    config = zg.Config(
        guardrails_enabled=names,
        guardrails={name: {"on_error": "allow"} for name in names},
    )
    async with zg.Engine.open(
        *plugins,
        Offering(echo, a=agent),
        model,
        config=config,
        journal="memory",
        discover=False,
    ) as engine:
        options = zg.RunOptions(model="scripted:any")
        await engine.run(flow("a"), objective, options=options, run_id="r1")
        return await engine.journal.read("r1")


def one(events: list[Any], kind: type[Any]) -> Any:
    (found,) = (event for event in events if isinstance(event, kind))
    return found


@settings(max_examples=30, deadline=None)
@given(chains, st.text("abeiXY.", min_size=1, max_size=8))
def test_each_change_is_made_in_order_and_told_of_the_plugin_that_made_it(
    chain: list[tuple[str, str]], objective: str
) -> None:
    """From the journal alone, for all that guardrails check."""
    events = anyio.run(journal_of, chain, objective)

    decided = [e for e in events if isinstance(e, zg.GuardrailDecided)]
    used = {
        "message": None,  # what was sent is not recorded, but for its digest
        "answer": one(events, zg.ModelAnswered).response.text,
        "arguments": one(events, zg.ToolStarted).arguments,
        "reply": one(events, zg.StepFinished).output,
    }
    payload: Any = objective
    subjects = []
    for subject, group in groupby(decided, key=lambda e: e.subject):
        subjects.append(subject)
        payload = {"text": payload} if subject == "arguments" else payload
        for (plugin, change), event in zip(chain, group, strict=True):
            after = changed(change, payload)
            assert event.guardrail == f"{plugin}:{change}"
            assert event.before_sha256 == digest(payload)
            assert event.after_sha256 == digest(after)
            assert event.replacement == (None if after == payload else after)
            assert event.failed == (change == "fails")
            payload = after
        assert used.get(subject) in (None, payload)
        payload = payload["text"] if subject == "arguments" else payload
    assert subjects == ["objective", "message", "answer", "arguments", "reply"]


# -- Cut anywhere ----------------------------------------------------------------------


class Cut(zg.MemoryJournal):
    """A journal whose owner dies right after one event is on disk."""

    after: int | None = None

    async def append(self, run_id: str, epoch: int, events: Any, **kw: Any) -> None:
        await super().append(run_id, epoch, events, **kw)
        if self.after is not None and events[-1].seq >= self.after:
            raise zg.JournalError("the machine died")


def strict(payload: Any, ctx: zg.Inspection) -> zg.Verdict:
    """Refuse what is bad, wherever it is, and make all else louder."""
    if ctx.subject == "reply":
        return zg.Verdict(True)
    if "bad" in str(payload):
        return zg.Verdict(False, f"bad {ctx.subject}")
    return zg.Verdict(True, "", changed("sign", payload))


async def tries(ctx: zg.Context) -> zg.Reply:
    """Try all there is to refuse, and go on."""
    got: list[str] = []
    for text in ("bad question", "question", "ask for a b-a-d one", "question"):
        try:
            got.append((await ctx.complete([zg.Message.user(text)])).text)
        except zg.GuardrailError as error:
            got.append(str(error))
    bad = await ctx.call_tool("echo", {"text": "bad"})
    good = await ctx.call_tool("echo", {"text": "good"})
    return zg.Reply(output=[*got, bad.text, good.text])


def answer(request: zg.Request) -> str:
    return request.messages[-1].text.replace("b-a-d", "bad")


@asynccontextmanager
async def engine_on(journal: zg.Journal) -> Any:
    model = ScriptedProvider(answer, repeat=True)
    plugin = Offering(echo, a=tries, guardrails={"strict": strict})
    async with zg.Engine.open(
        plugin,
        model,
        config=zg.Config(guardrails_enabled=("strict",)),
        journal=journal,
        discover=False,
    ) as engine:
        yield engine, model


def refused_answer(event: zg.Event) -> bool:
    decided = isinstance(event, zg.GuardrailDecided)
    return decided and event.subject == "answer" and not event.allow


def decisions(events: list[zg.Event]) -> set[object]:
    return {
        (e.subject, e.step, e.allow, e.before_sha256, e.after_sha256)
        for e in events
        if isinstance(e, zg.GuardrailDecided)
    }


@pytest.mark.anyio
async def test_a_run_with_guardrails_cut_anywhere_ends_like_one_never_cut() -> None:
    options = zg.RunOptions(model="scripted:any")
    whole = zg.MemoryJournal()
    async with engine_on(whole) as (engine, uncut):
        expected = await engine.run(flow("a"), "x", options=options, run_id="r1")
    events = await whole.read("r1")

    for cut in range(2, len(events)):
        journal = Cut()
        async with engine_on(journal) as (engine, model):
            await engine.accept(flow("a"), "x", options=options, run_id="r1")
            journal.after = cut
            with pytest.raises(zg.JournalError, match="died"):
                await engine.resume("r1")
            journal.after = None
            recorded = await journal.read("r1")
            asked = len(model.requests)
            result = await engine.resume("r1")

        # A refused answer is settled once its refusal is on disk.
        settled = {
            e.call_key
            for e in recorded
            if isinstance(e, zg.ModelAnswered) or refused_answer(e)
        }
        assert result.output == expected.output
        assert len(model.requests) - asked == len(uncut.requests) - len(settled)
        assert decisions(await journal.read("r1")) == decisions(events)

    assert expected.output[1] == "question!!"
    assert "bad answer" in expected.output[2]
