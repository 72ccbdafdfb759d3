"""The operator: puts the results together, so that they can be used."""

from __future__ import annotations

import zg_core.plugin_api as zg

from ._documents import bullets, code, document, labelled, one_line, section
from ._small import about, ask, short_objective
from .llm import LLMAgent

__all__ = ["INSTRUCTIONS", "README", "SCHEMA", "SMALL_QUESTION", "Operator"]

INSTRUCTIONS = """\
You are the operator of a small team: you put the results together and hand them over \
to the user. You are given what your colleagues made, and the list of all files; look \
into the files with read_file before you say what they do. If something is missing \
that the user needs in order to use the result (a start script, a configuration, a \
deployment file), write it with write_file. Do not write README.md: it is made of your \
answer, and of the list of files.
- title: what it is, in a few words.
- summary: what was made, and how far it meets the objective, in a few sentences.
- how_to_use: what the user does to run or use it, step by step, with the exact \
commands and file names.
- left_to_do: what is missing, was not checked, or has to be decided by the user. \
Nobody in the team could run anything."""

SMALL_QUESTION = "{objective}. The plan is made. What should I do next?"
"""What a small model is asked instead."""

README = "README.md"
"""The file that the operator's answer goes to."""

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}

SCHEMA: zg.JsonObject = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "summary", "how_to_use", "left_to_do"],
    "properties": {
        "title": _TEXT,
        "summary": _TEXT,
        "how_to_use": _TEXTS,
        "left_to_do": _TEXTS,
    },
}

_AGENT = LLMAgent(
    name="operator",
    instructions=INSTRUCTIONS,
    tools=("list_files", "read_file", "write_file"),
    output_schema=SCHEMA,
    max_turns=30,
    max_output_tokens=16_000,
)


class Operator:
    """Writes ``README.md``: what was made, how to use it, and what is left to do."""

    async def run(self, ctx: zg.Context) -> zg.Reply:
        """Put the results together; the reply is the README."""
        given = await _files(ctx)
        if (await ctx.model_info()).small:
            answer = await _small_answer(ctx)
        else:
            prompt = document(ctx.prompt, section("Files", bullets(map(code, given))))
            answer = await _AGENT.answer(ctx, prompt)
        text = _readme(answer, await _files(ctx))
        saved = await ctx.write_artifact(README, text)
        return zg.Reply(output=text, artifacts=(saved,))


async def _files(ctx: zg.Context) -> list[str]:
    """Return the run's files, the same ones when the step is run again."""

    async def look() -> zg.Json:
        return [path for path in ctx.workspace.list() if path != README]

    found: list[str] = await ctx.once("files", look)
    return found


async def _small_answer(ctx: zg.Context) -> zg.JsonObject:
    """Ask what comes next; the title is the objective itself."""
    found = await ask(ctx, about(ctx, {"next": SMALL_QUESTION}))
    return {
        "title": short_objective(ctx),
        "summary": "",
        "how_to_use": [],
        "left_to_do": [labelled(p.title, p.text) for p in found["next"][:4]],
    }


def _readme(answer: zg.JsonObject, files: list[str]) -> str:
    return document(
        f"# {one_line(answer['title'])}",
        answer["summary"],
        section("Files", bullets(map(code, files))),
        section("How to use it", bullets(answer["how_to_use"], numbered=True)),
        section("What is left to do", bullets(answer["left_to_do"])),
    )
