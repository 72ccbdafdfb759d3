"""The designer: says what is seen, and draws it."""

from __future__ import annotations

import zg_core.plugin_api as zg

from ._documents import bullets, document, labelled, lines_of, one_line, section
from ._mockup import KINDS, mockup
from ._small import about, ask, short_objective
from .llm import LLMAgent

__all__ = ["INSTRUCTIONS", "SCHEMA", "SMALL_QUESTIONS", "Designer"]

INSTRUCTIONS = """\
You are the designer of a small team: you decide what people see, read and touch. \
Follow the plan you are given.
- summary: who looks at it, what they want there, and how the design gives it to them.
- look: colours, type, spacing, pictures and tone, and why.
- palette: the colours of background, text and accent, as in #1a2b3c; text must be \
easy to read on the background.
- pages: every page, screen or slide, each with its purpose and, from top to bottom, \
what is on it. Write the real words, as they could be published: texts, the labels of \
buttons and inputs, the items of lists and navigation (one a line), what a picture \
shows.

If the objective asks for a decision or an analysis, design how it is presented: the \
slides or pages that carry the findings. If there is nothing to look at at all, leave \
pages empty."""

SMALL_QUESTIONS = {
    "pages": (
        "{objective}. Which pages does the website need, and what is on each page?"
    ),
    "look": (
        "{objective}. Describe how it should look: colors, fonts, layout and pictures."
    ),
}
"""What a small model is asked instead."""

_TEXT = {"type": "string"}

SCHEMA: zg.JsonObject = {
    "type": "object",
    "additionalProperties": False,
    "required": ["summary", "look", "palette", "pages"],
    "properties": {
        "summary": _TEXT,
        "look": _TEXT,
        "palette": {
            "type": "object",
            "additionalProperties": False,
            "required": ["background", "text", "accent"],
            "properties": {"background": _TEXT, "text": _TEXT, "accent": _TEXT},
        },
        "pages": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "purpose", "parts"],
                "properties": {
                    "name": _TEXT,
                    "purpose": _TEXT,
                    "parts": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["kind", "text"],
                            "properties": {
                                "kind": {"type": "string", "enum": list(KINDS)},
                                "text": _TEXT,
                            },
                        },
                    },
                },
            },
        },
    },
}

_AGENT = LLMAgent(
    name="designer",
    instructions=INSTRUCTIONS,
    output_schema=SCHEMA,
    max_output_tokens=16_000,
)


class Designer:
    """Writes ``design.md`` and, if there is something to see, ``mockup.html``."""

    async def run(self, ctx: zg.Context) -> zg.Reply:
        """Design what the plan says; the reply is the design."""
        small = (await ctx.model_info()).small
        design = await (_small_design(ctx) if small else _AGENT.answer(ctx, ctx.prompt))
        written = [await ctx.write_artifact("design.md", _markdown(design))]
        if design["pages"]:
            drawn = mockup(ctx.objective, design)
            written.append(await ctx.write_artifact("mockup.html", drawn))
        return zg.Reply(output=design, artifacts=tuple(written))


async def _small_design(ctx: zg.Context) -> zg.JsonObject:
    """Ask for pages and look; the summary is the objective itself."""
    found = await ask(ctx, about(ctx, SMALL_QUESTIONS))
    pages = found["pages"][:4]
    navigation = {"kind": "navigation", "text": "\n".join(p.name for p in pages)}
    return {
        "summary": f"{short_objective(ctx)}.",
        "look": document(*(labelled(p.title, p.text) for p in found["look"][:3])),
        "palette": {},
        "pages": [
            {
                "name": page.name,
                "purpose": "",
                "parts": [
                    navigation,
                    {"kind": "heading", "text": page.name},
                    {"kind": "text", "text": page.text},
                ],
            }
            for page in pages
        ],
    }


def _markdown(design: zg.JsonObject) -> str:
    palette = design["palette"].items()
    return document(
        "# Design",
        design["summary"],
        section("Look", design["look"]),
        section("Colours", bullets(f"{name}: {colour}" for name, colour in palette)),
        *map(_page, design["pages"]),
    )


def _page(page: zg.JsonObject) -> str:
    return section(
        one_line(page["name"]),
        document(page["purpose"], bullets(map(_part, page["parts"]))),
    )


def _part(part: zg.JsonObject) -> str:
    kind, text = part["kind"], part["text"]
    return text if kind == "text" else f"{kind}: {', '.join(lines_of(text))}"
