"""The tools for a run's files: look, read, write, and nothing outside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from offering import Offering, flow

import zg_core as zg
from zg_core.testing import ScriptedProvider
from zg_plugins_builtin.tools.files import TOOLS, list_files, read_file, write_file

pytestmark = pytest.mark.anyio
OUT = Path("out")


async def called(*calls: tuple[str, dict[str, Any]]) -> list[zg.ToolResult]:
    """Call tools, one after the other, from within a step."""
    results: list[zg.ToolResult] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        results.extend([await ctx.call_tool(name, args) for name, args in calls])
        return zg.Reply(output="done")

    async with zg.Engine.open(
        Offering(*TOOLS, agent=agent),
        ScriptedProvider(),
        journal="memory",
        discover=False,
    ) as engine:
        options = zg.RunOptions(model="scripted:any", out=str(OUT))
        run = await engine.run(flow("agent"), "work on files", options=options)
    assert all((OUT / artifact.path).exists() for artifact in run.artifacts)
    return results


async def test_what_is_written_can_be_listed_and_read() -> None:
    wrote, listed, read, below = await called(
        ("write_file", {"path": "site/grüße.txt", "content": "schöne Grüße"}),
        ("list_files", {}),
        ("read_file", {"path": "site/grüße.txt"}),
        ("list_files", {"folder": "nowhere"}),
    )

    assert wrote.output == "site/grüße.txt has 15 bytes"
    assert listed.output == ["site/grüße.txt"]
    assert read.output == "schöne Grüße"
    assert below.output == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.txt", "a\0b", "link", ""])
async def test_no_tool_leaves_the_runs_folder(path: str) -> None:
    Path("secret.txt").write_text("secret")
    OUT.mkdir()
    (OUT / "link").symlink_to("../secret.txt")

    results = await called(
        ("read_file", {"path": path}),
        ("write_file", {"path": path, "content": "gotcha"}),
        ("list_files", {"folder": path or ".."}),
    )

    assert all(r.error and "WorkspaceError" in r.error for r in results)
    assert Path("secret.txt").read_text() == "secret"
    assert [entry.name for entry in OUT.iterdir()] == ["link"]


async def test_a_long_text_is_read_in_pieces() -> None:
    text = "".join(chr(ord("a") + n % 26) for n in range(45_000))
    OUT.mkdir()
    (OUT / "long.txt").write_text(text)

    first, second, third, beyond = await called(
        ("read_file", {"path": "long.txt"}),
        ("read_file", {"path": "long.txt", "start": 20_000}),
        ("read_file", {"path": "long.txt", "start": 40_000}),
        ("read_file", {"path": "long.txt", "start": 50_000}),
    )

    assert first.output == f"{text[:20_000]}\n(25,000 more; go on with start=20000)"
    assert second.output.startswith(text[20_000:40_000])
    assert third.output == text[40_000:]
    assert beyond.output == ""


async def test_what_is_no_text_is_said_to_be_none() -> None:
    OUT.mkdir()
    (OUT / "picture.png").write_bytes(b"\x89PNG\xff")

    (read,) = await called(("read_file", {"path": "picture.png"}))

    assert read.error == "'picture.png' is no text, so it cannot be read"


async def test_of_very_many_files_some_are_shown() -> None:
    OUT.mkdir()
    for number in range(503):
        (OUT / f"{number:03}").touch()

    (listed,) = await called(("list_files", {}))

    assert len(listed.output) == 501
    assert listed.output[-1] == "(3 more; list a folder of them)"


async def test_the_tools_say_what_calling_them_again_would_do() -> None:
    assert [tool.effect for tool in TOOLS] == ["read", "read", "idempotent"]
    assert (list_files, read_file, write_file) == TOOLS
    assert all(tool.capabilities == {"files"} for tool in TOOLS)
    assert all(tool.description for tool in TOOLS)
