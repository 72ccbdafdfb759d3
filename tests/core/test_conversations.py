"""Conversations: what was said before, carried on, and made to fit the model."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zg_core as zg
from zg_core.running.asking import Link
from zg_core.running.conversing import cut, shortened
from zg_core.testing import ScriptedProvider
from zg_plugins_builtin.agents import LLMAgent

WINDOW = 400


def small(*answers: object, repeat: bool = False) -> ScriptedProvider:
    """A model that reads 400 letters, and counts letters as tokens."""
    info = zg.ModelInfo(context_tokens=WINDOW)
    return ScriptedProvider(*cast("list[str]", list(answers)), repeat=repeat, info=info)


class Talking:
    """Offers two agents: one that talks, one that sums up."""

    @zg.hookimpl
    def zg_register_agents(self) -> list[zg.AgentSpec]:
        return [
            zg.AgentSpec(
                name=name, factory=lambda n=name: LLMAgent(name=n, instructions=n)
            )
            for name in ("talker", "summarist")
        ]


CHAT = zg.Workflow("chat", (zg.Step("chat", agent="talker"),))


def engine(provider: ScriptedProvider, journal: zg.Journal) -> object:
    return zg.Engine.open(
        provider,
        Talking(),
        config=zg.load_config({"compactor": "summarist"}),
        journal=journal,
        discover=False,
    )


async def say(
    running: zg.Engine, text: str, last: str | None, out: Path
) -> zg.RunResult:
    options = zg.RunOptions(model="scripted:any", continues=last, out=str(out))
    return await running.run(CHAT, text, options=options)


messages = st.lists(
    st.tuples(st.text("ab ", max_size=150), st.text("cd ", max_size=150)),
    min_size=1,
    max_size=12,
).map(
    lambda turns: tuple(
        message
        for asked, answered in turns
        for message in (zg.Message.user(asked), zg.Message.assistant(answered))
    )
)


@given(messages)
def test_a_conversation_takes_half_of_what_the_model_reads_at_most(
    history: tuple[zg.Message, ...],
) -> None:
    provider = small()
    link = Link(name="s:m", offer="s", model="m", free=True, provider=provider)
    pieces: list[str] = []

    async def ask(prompt: str) -> str:
        pieces.append(prompt)
        return "in short"

    async def fit() -> tuple[zg.Message, ...]:
        at = cut(history, link)
        return (await shortened(history, at, ask))[0] if at.pieces else history

    remains = anyio.run(fit)

    assert sum(len(message.text) for message in remains) <= WINDOW // 2
    assert [m.role for m in remains] == ["user", "assistant"] * (len(remains) // 2)
    if pieces:
        kept = remains[2:]
        assert kept == history[len(history) - len(kept) :]
        said = "".join(piece.partition("## Conversation\n\n")[2] for piece in pieces)
        for message in history[: len(history) - len(kept)]:
            assert message.text in said
    else:
        assert remains == history


@pytest.mark.anyio
async def test_each_answer_knows_what_was_said_before(tmp_path: Path) -> None:
    provider = small("One.", "Two.", "Three.")
    async with engine(provider, zg.MemoryJournal()) as running:
        first = await say(running, "first", None, tmp_path)
        second = await say(running, "second", first.run_id, tmp_path)
        await say(running, "third", second.run_id, tmp_path)

    asked = provider.requests[-1].messages[1:]
    assert [m.text for m in asked] == ["first", "One.", "second", "Two.", "third"]


@pytest.mark.anyio
async def test_a_conversation_keeps_its_files(tmp_path: Path) -> None:
    async with engine(small("One.", "Two."), zg.MemoryJournal()) as running:
        options = zg.RunOptions(model="scripted:any", out=str(tmp_path))
        first = await running.run(CHAT, "x", options=options, files={"a.txt": b"1"})
        second = await running.run(
            CHAT,
            "y",
            options=zg.RunOptions(model="scripted:any", continues=first.run_id),
        )
        accepted = (await running.journal.read(second.run_id))[0]

    assert isinstance(accepted, zg.RunAccepted)
    assert accepted.files == ("inputs/a.txt",)
    assert accepted.options.out == str(tmp_path)


@pytest.mark.anyio
async def test_what_no_longer_fits_is_summed_up_once(tmp_path: Path) -> None:
    long = "a" * 150
    provider = small(long, "Half.", "Summed up.", "Two.", "Three.")
    async with engine(provider, zg.MemoryJournal()) as running:
        first = await say(running, "b" * 90, None, tmp_path)
        second = await say(running, "second", first.run_id, tmp_path)
        await say(running, "third", second.run_id, tmp_path)
        events = await running.journal.read(second.run_id)

    (compacted,) = [e for e in events if isinstance(e, zg.HistoryCompacted)]
    assert compacted.complete
    assert [m.text for m in provider.requests[-1].messages[1:]] == [
        "What have we said before?",
        "Summed up.",
        "second",
        "Two.",
        "third",
    ]


@pytest.mark.anyio
async def test_a_conversation_that_somebody_else_kept_is_gone_on_with(
    tmp_path: Path,
) -> None:
    instructed = zg.Message.system("Rhyme.")
    spoken = (zg.Message.user("a" * 150), zg.Message.assistant("b" * 150))
    provider = small("Half.", "Summed up.", "Two.", "Three.")
    async with engine(provider, zg.MemoryJournal()) as running:
        options = zg.RunOptions(model="scripted:any", out=str(tmp_path))
        run_id = await running.accept(
            CHAT, "second", options=options, history=(instructed, *spoken)
        )
        await running.resume(run_id)
        await say(running, "third", run_id, tmp_path)

    assert [(m.role, m.text) for m in provider.requests[-1].messages[1:]] == [
        ("system", "Rhyme."),  # which is not summed up
        ("user", "What have we said before?"),
        ("assistant", "Summed up."),
        ("user", "second"),
        ("assistant", "Two."),
        ("user", "third"),
    ]


@pytest.mark.anyio
async def test_where_nobody_can_sum_up_the_rest_is_answered_all_the_same(
    tmp_path: Path,
) -> None:
    refused = zg.ProviderRequestError("it will not", "ask another")
    provider = small("a" * 250, refused, "Two.")
    async with engine(provider, zg.MemoryJournal()) as running:
        first = await say(running, "first", None, tmp_path)
        second = await say(running, "second", first.run_id, tmp_path)
        events = await running.journal.read(second.run_id)

    (compacted,) = [e for e in events if isinstance(e, zg.HistoryCompacted)]
    assert second.output == "Two."
    assert not compacted.complete
    assert (second.status, second.forgot) == ("degraded", "chat")
    assert zg.explain(events).missing.keys() == {"chat"}


@pytest.mark.anyio
async def test_what_could_not_be_summed_up_once_is_not_forgotten(
    tmp_path: Path,
) -> None:
    refused = zg.ProviderRequestError("it will not", "ask another")
    provider = small("a" * 250, refused, "Two.", "Half.", "Summed up.", "Three.")
    async with engine(provider, zg.MemoryJournal()) as running:
        first = await say(running, "first", None, tmp_path)
        second = await say(running, "second", first.run_id, tmp_path)
        third = await say(running, "third", second.run_id, tmp_path)

    pieces = (r.messages[-1].text for r in provider.requests[3:5])
    said = "".join(piece.partition("## Conversation\n\n")[2] for piece in pieces)
    assert said.startswith(f"user: first\n\nassistant: {'a' * 250}")
    assert (third.status, third.forgot) == ("completed", "")


@pytest.mark.anyio
async def test_that_something_was_left_out_is_recorded_once(tmp_path: Path) -> None:
    refused = zg.ProviderRequestError("it will not", "ask another")
    journal = zg.MemoryJournal()
    async with engine(small("a" * 250, refused), journal) as running:
        first = await say(running, "first", None, tmp_path)
        with pytest.raises(zg.RunError):
            await say(running, "second", first.run_id, tmp_path)
        (latest, *_) = await journal.list()
    async with engine(small("Two."), journal) as running:
        result = await running.resume(latest.run_id)
        events = await journal.read(latest.run_id)

    assert (result.status, result.forgot) == ("degraded", "chat")
    assert sum(isinstance(e, zg.HistoryCompacted) for e in events) == 1


@pytest.mark.anyio
async def test_a_conversation_cut_anywhere_asks_nothing_twice(tmp_path: Path) -> None:
    provider = small("a" * 250, "Half.", "Summed up.", "Two.")
    journal = zg.MemoryJournal()
    async with engine(provider, journal) as running:
        first = await say(running, "first", None, tmp_path)
        second = await say(running, "second", first.run_id, tmp_path)
        before = await journal.read(first.run_id)
        whole = await journal.read(second.run_id)

    for length in range(1, len(whole)):
        known = [e for e in whole[:length] if isinstance(e, zg.ModelAnswered)]
        provider = small(*["Half.", "Summed up.", "Two."][len(known) :])
        journal = zg.MemoryJournal()
        for events in (before, whole[:length]):
            await journal.create(cast(zg.RunAccepted, events[0]))
            epoch = await journal.claim(events[0].run_id)
            await journal.append(events[0].run_id, epoch, events[1:])
            await journal.release(events[0].run_id, epoch)
        async with engine(provider, journal) as running:
            result = await running.resume(second.run_id)

        again = await journal.read(second.run_id)
        assert result.output == "Two."
        assert sum(isinstance(e, zg.HistoryCompacted) for e in again) == 1


@pytest.mark.anyio
async def test_only_an_answer_can_be_gone_on_from(tmp_path: Path) -> None:
    async with engine(small("One."), zg.MemoryJournal()) as running:
        options = zg.RunOptions(model="scripted:any", out=str(tmp_path))
        run_id = await running.accept(CHAT, "x", options=options)

        with pytest.raises(zg.InputError, match="is running"):
            await say(running, "y", run_id, tmp_path)
