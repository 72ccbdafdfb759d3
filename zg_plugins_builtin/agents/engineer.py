"""The engineer: makes the thing itself, in files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import zg_core.plugin_api as zg

from ._documents import bullets, code, document, labelled, one_line, section
from ._small import about, ask, short_objective
from .llm import LLMAgent

__all__ = [
    "FILES_SCHEMA",
    "INSTRUCTIONS",
    "REPORT",
    "SMALL_ALONE",
    "SMALL_STEP",
    "WITHOUT_TOOLS",
    "WITH_TOOLS",
    "Engineer",
]

INSTRUCTIONS = """\
You are the engineer of a small team: you make the thing itself. Where software is \
wanted, that is code, with what it takes to run it and a test that shows that it \
works. Where a decision, an analysis or a text is wanted, it is that, worked out and \
complete.

Follow the plan you are given. Write every file whole and ready to use: no excerpts, \
no placeholders, nothing left out. Prefer few files, and what the standard library or \
the browser already has. You cannot run anything, so do not say that you have tested \
it. plan.md, plan.json, design.md, mockup.html and README.md are your colleagues'."""

WITH_TOOLS = """\
Write the files with write_file. What the user gave is among the files of this run: \
look at it with list_files and read_file before you use it. When all files are \
written, answer in Markdown: what each file is for, how to run or use it, and what you \
could not do or check."""

WITHOUT_TOOLS = """\
Answer with the files, and a report in Markdown: what each file is for, how to run or \
use it, and what you could not do or check. A path is relative, as site/index.html."""

SMALL_STEP = "{objective}. How do I do this step: {step}?"
"""What a small model is asked instead of each of the plan's first three steps."""

SMALL_ALONE = {
    "Steps": "What are the steps for this project? {objective}.",
    "Checklist": "You want to do this: {objective}. Write a checklist.",
}
"""What it is asked where there is no plan."""

REPORT = "implementation.md"
"""The file that the engineer's own words go to."""

FILES_SCHEMA: zg.JsonObject = {
    "type": "object",
    "additionalProperties": False,
    "required": ["files", "report"],
    "properties": {
        "files": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["path", "content"],
                "properties": {
                    "path": {"type": "string"},
                    "content": {"type": "string"},
                },
            },
        },
        "report": {"type": "string"},
    },
}

_WITH_TOOLS = LLMAgent(
    name="engineer",
    instructions=f"{INSTRUCTIONS}\n\n{WITH_TOOLS}",
    tools=("list_files", "read_file", "write_file"),
    max_turns=40,
    max_output_tokens=16_000,
)
_WITHOUT_TOOLS = replace(
    _WITH_TOOLS,
    instructions=f"{INSTRUCTIONS}\n\n{WITHOUT_TOOLS}",
    tools=(),
    output_schema=FILES_SCHEMA,
)


class Engineer:
    """Writes the files of the thing, and its report as ``implementation.md``.

    A model that calls tools writes the files itself; any other gives them all in
    one answer, and they are written for it. A small one explains what to do.
    """

    async def run(self, ctx: zg.Context) -> zg.Reply:
        """Make what the plan says; the reply is the report."""
        info = await ctx.model_info()
        written: tuple[str, ...] = ()
        if info.small:
            report = await _small_report(ctx)
        elif info.tools and _can_write(ctx):
            report = await _WITH_TOOLS.answer(ctx, ctx.prompt)
        else:
            answer = await _WITHOUT_TOOLS.answer(ctx, ctx.prompt)
            report, written = await _write(ctx, answer)
        saved = await ctx.write_artifact(REPORT, report)
        return zg.Reply(output=report, artifacts=(*written, saved))


def _can_write(ctx: zg.Context) -> bool:
    """Tell whether the workflow leaves it the tool that writes files."""
    return ctx.tools is None or any(
        name.rpartition(":")[2] == "write_file" for name in ctx.tools
    )


async def _write(ctx: zg.Context, answer: zg.JsonObject) -> tuple[str, tuple[str, ...]]:
    """Write the files of an answer; return the report on them, and their paths."""
    written: list[str] = []
    refused: list[str] = []
    for file in answer["files"]:
        try:
            written.append(await ctx.write_artifact(file["path"], file["content"]))
        except zg.WorkspaceError as error:
            refused.append(str(error))
    report = document(
        answer["report"],
        section("Files", bullets(map(code, written))),
        section("Files that could not be written", bullets(refused)),
    )
    return report, tuple(written)


async def _small_report(ctx: zg.Context) -> str:
    objective = short_objective(ctx)
    questions = {
        title: SMALL_STEP.format(objective=objective, step=title)
        for title in _planned(ctx.outputs.values())[:3]
    }
    found = await ask(ctx, questions or about(ctx, SMALL_ALONE))
    return document(
        "# Implementation",
        *(
            section(title, bullets(labelled(p.title, p.text) for p in points[:6]))
            for title, points in found.items()
        ),
    )


def _planned(outputs: Iterable[zg.Json]) -> list[str]:
    """Return the titles of the plan's steps, if one of the outputs is a plan."""
    titles: list[zg.Json] = []
    for output in outputs:
        match output:
            case {"steps": [*steps]}:
                titles += [s.get("title") for s in steps if isinstance(s, dict)]
    return [one_line(title)[:60] for title in titles if isinstance(title, str)]
