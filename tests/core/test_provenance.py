"""Who decided and did what in a run, told by its journal alone."""

from __future__ import annotations

import contextlib
import shutil
from typing import Any

import pytest
from calling import Caller
from installing import GOOD, Site
from offering import Offering, ask, flow, say

import zg_core as zg
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio


@zg.tool
async def count(text: str) -> int:
    """Count the letters of a text."""
    if not text:
        raise ValueError("there is no text")
    return len(text)


async def counted(ctx: zg.Context) -> zg.Reply:
    await ctx.call_tool("count", {"text": "four"})
    await ctx.call_tool("count", {"text": ""})
    return zg.Reply(output="counted")


async def refuses(ctx: zg.Context) -> zg.Reply:
    raise zg.RunError("it will not", "ask somebody else")


async def explained(
    *steps: str, config: zg.Config | None = None, **kinds: Any
) -> zg.Explanation:
    plugin = Offering(count, a=ask(), b=say("b"), c=counted, d=refuses, **kinds)
    async with zg.Engine.open(
        plugin,
        ScriptedProvider("an answer"),
        config=config or zg.Config(),
        journal="memory",
        discover=False,
    ) as engine:
        options = zg.RunOptions(model="scripted:one")
        run_id = await engine.accept(flow(*steps), "x", options=options)
        with contextlib.suppress(zg.RunError):
            await engine.resume(run_id)
        return zg.explain(await engine.journal.read(run_id))


def told(found: zg.Explanation) -> list[tuple[str, str, str]]:
    return [(deed.name, deed.verb, deed.what) for deed in found.deeds]


async def test_agents_and_models_are_named_with_their_plugins() -> None:
    found = await explained("a")

    assert told(found) == [
        ("offering:a", "began", "a"),
        ("scriptedprovider:scripted", "answered", "scripted:one"),
        ("offering:a", "did", "a"),
    ]
    assert {deed.step for deed in found.deeds} == {"a"}


async def test_tools_are_too_with_what_was_wrong() -> None:
    found = await explained("c")

    good, bad = (deed for deed in found.deeds if deed.kind == "tool")
    assert (good.name, good.verb) == ("offering:count", "did")
    assert bad.verb == "failed"
    assert "there is no text" in bad.why


async def test_a_failure_is_the_agents_with_its_cause() -> None:
    found = await explained("d")

    last = found.deeds[-1]
    assert (last.name, last.verb, last.why) == ("offering:d", "failed", "it will not")


async def test_what_guardrails_let_pass_changed_and_refused_is_theirs() -> None:
    verdicts = {
        "lets": lambda _, about: zg.Verdict(True, "it is fine"),
        "mends": lambda text, about: zg.Verdict(True, "in capitals", "LOUD"),
        "bars": lambda _, about: zg.Verdict(about.subject != "reply", "too loud"),
    }
    config = zg.Config(guardrails_enabled=tuple(verdicts))

    found = await explained("b", config=config, guardrails=verdicts)

    on_reply = [
        (deed.name, deed.verb, deed.why)
        for deed in found.deeds
        if (deed.kind, deed.what) == ("guardrail", "reply")
    ]
    assert on_reply == [
        ("offering:lets", "allowed", "it is fine"),
        ("offering:mends", "changed", "in capitals"),
        ("offering:bars", "refused", "too loud"),
    ]


async def test_what_the_user_put_in_the_place_of_something_is_told() -> None:
    config = zg.Config(overrides_agents={"architect": "offering:b"})

    found = await explained("architect", config=config)

    assert found.overrides == {"agent:architect": "offering:b"}
    assert {(d.name, d.overridden) for d in found.deeds} == {
        ("offering:b", "architect")
    }
    assert found.deeds[0].document()["provenance"]["overridden_from"] == "architect"


async def test_a_run_nobody_has_begun_has_no_deeds() -> None:
    async with zg.Engine.open(
        Offering(b=say("b")), journal="memory", discover=False
    ) as engine:
        run_id = await engine.accept(flow("b"), "x")
        found = zg.explain(await engine.journal.read(run_id))

    assert (found.core, found.deeds, found.plugins) == ("", (), ())
    assert found.document()["environment"]["plugins"] == []


async def test_each_first_part_of_a_journal_can_be_explained() -> None:
    async with zg.Engine.open(
        Offering(count, c=counted), journal="memory", discover=False
    ) as engine:
        run_id = await engine.accept(flow("c"), "x")
        await engine.resume(run_id)
        events = await engine.journal.read(run_id)

    whole = zg.explain(events).deeds
    for length in range(1, len(events) + 1):
        part = zg.explain(events[:length])
        assert part.deeds == whole[: len(part.deeds)]


def test_the_command_tells_of_a_plugin_that_is_gone(zg: Caller, site: Site) -> None:
    site.install("zg-good", GOOD, version="2.1")
    done = site.zg("run", "x", "--agent", "goodie", "--json")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(site.folder)

    called = zg("runs", "explain", "last")
    document = zg("runs", "explain", "last", "--json").document

    assert "zg-good:goodie" in called.out
    assert "zg-good 2.1" in called.out.replace("plugin    ", "")
    began = document["deeds"][0]["provenance"]
    assert began == {
        "kind": "agent",
        "name": "zg-good:goodie",
        "plugin": "zg-good",
        "version": "2.1",
        "builtin": False,
        "record_sha256": began["record_sha256"],
        "overridden_from": None,
    }
    assert len(began["record_sha256"]) == 64
    assert document["environment"]["policy"] == "open"


def test_so_it_does_of_one_that_was_only_accepted(zg: Caller) -> None:
    import anyio

    from zg_core import Engine

    async def accept() -> None:
        async with Engine.open() as engine:
            await engine.accept("solo", "x", run_id="waiting")

    anyio.run(accept)

    assert "nobody has begun it" in zg("runs", "explain", "waiting").out
