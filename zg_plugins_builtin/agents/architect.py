"""The architect: turns an objective into a plan that others can follow."""

from __future__ import annotations

import json

import zg_core.plugin_api as zg

from ._documents import bullets, document, labelled, section
from ._small import about, ask, short_objective
from .llm import LLMAgent

__all__ = ["INSTRUCTIONS", "SCHEMA", "SMALL_QUESTIONS", "Architect"]

INSTRUCTIONS = """\
You are the architect of a small team. You plan; the others do the work: the engineer \
makes the thing itself, the designer what is seen of it, the operator puts the result \
together for the user. They see your plan and the objective, and cannot ask back.

Turn the objective into a plan.
- summary: what there will be when the work is done, and for whom, in two or three \
sentences. Where the objective leaves something open, decide it and say so here.
- components: the parts it is made of and what each is for. Name only what is needed.
- steps: what is to be done, in order, by whom, and what it gives.
- risks: what may go wrong, and how the plan meets it.
- acceptance: statements that somebody can check to see that the objective is met.

The plan is as large as the objective, and no larger. If the objective asks for a \
decision, an analysis or a text rather than for software, plan that."""

SMALL_QUESTIONS = {
    "steps": "What are the steps for this project? {objective}.",
    "components": "{objective}. What are the main parts, and what does each one do?",
    "risks": "{objective}. What could go wrong?",
    "acceptance": "You want to do this: {objective}. Write a checklist.",
}
"""What a small model is asked instead."""

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}

SCHEMA: zg.JsonObject = {
    "type": "object",
    "additionalProperties": False,
    "required": ["summary", "components", "steps", "risks", "acceptance"],
    "properties": {
        "summary": _TEXT,
        "components": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "purpose"],
                "properties": {"name": _TEXT, "purpose": _TEXT},
            },
        },
        "steps": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["title", "who", "result"],
                "properties": {
                    "title": _TEXT,
                    "who": {
                        "type": "string",
                        "enum": ["engineer", "designer", "operator"],
                    },
                    "result": _TEXT,
                },
            },
        },
        "risks": _TEXTS,
        "acceptance": _TEXTS,
    },
}

_AGENT = LLMAgent(
    name="architect",
    instructions=INSTRUCTIONS,
    output_schema=SCHEMA,
    max_output_tokens=16_000,
)


class Architect:
    """Writes ``plan.json`` and the same as ``plan.md``; its reply is the plan."""

    async def run(self, ctx: zg.Context) -> zg.Reply:
        """Plan the objective."""
        small = (await ctx.model_info()).small
        plan = await (_small_plan(ctx) if small else _AGENT.answer(ctx, ctx.prompt))
        text = json.dumps(plan, indent=2, ensure_ascii=False)
        return zg.Reply(
            output=plan,
            artifacts=(
                await ctx.write_artifact("plan.json", text),
                await ctx.write_artifact("plan.md", _markdown(plan)),
            ),
        )


async def _small_plan(ctx: zg.Context) -> zg.JsonObject:
    """Ask for the parts of a plan; its summary is the objective itself."""
    found = await ask(ctx, about(ctx, SMALL_QUESTIONS))
    return {
        "summary": f"{short_objective(ctx)}.",
        "components": [
            {"name": p.name, "purpose": p.text} for p in found["components"][:5]
        ],
        "steps": [{"title": p.name, "result": p.text} for p in found["steps"][:5]],
        "risks": [labelled(p.title, p.text) for p in found["risks"][:3]],
        "acceptance": [labelled(p.title, p.text) for p in found["acceptance"][:6]],
    }


def _markdown(plan: zg.JsonObject) -> str:
    return document(
        "# Plan",
        plan["summary"],
        section(
            "Components",
            bullets(labelled(c["name"], c["purpose"]) for c in plan["components"]),
        ),
        section("Steps", bullets(map(_step, plan["steps"]), numbered=True)),
        section("Risks", bullets(plan["risks"])),
        section("Acceptance", bullets(plan["acceptance"])),
    )


def _step(step: zg.JsonObject) -> str:
    who = f" ({step['who']})" if "who" in step else ""
    return labelled(step["title"] + who, step["result"])
