"""Ask a small model what it can answer: short questions, as people ask them.

A model of some hundred million parameters follows no system message, calls no
tools, and writes worse under a JSON Schema than freely. It was trained on answers
of the form ``1. **Title**: Two sentences.`` and gives those to a plain question,
so that is what is asked, and the points are found in the text. Several questions
are asked at once; nothing but the objective and a title goes into any of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import zg_core.plugin_api as zg

from ._documents import one_line
from ._together import together

__all__ = ["Point", "about", "ask", "points", "short_objective"]

_ANSWER_TOKENS = 224
_LONGEST_OBJECTIVE = 300  # characters; it loses its way in more


@dataclass(frozen=True, slots=True)
class Point:
    """One point of an answer; the title is empty where the model gave none."""

    title: str
    text: str

    @property
    def name(self) -> str:
        """The title, or else the first words of the text."""
        return self.title or " ".join(self.text.split()[:6]).rstrip(",.;:")


def short_objective(ctx: zg.Context) -> str:
    """Return the objective as the beginning of a question, without its full stop."""
    text = one_line(ctx.objective)
    if len(text) > _LONGEST_OBJECTIVE:
        sentence = re.match(r".+?[.?!](?= )", text[:_LONGEST_OBJECTIVE])
        text = sentence[0] if sentence else text[:_LONGEST_OBJECTIVE]
    return text.rstrip(".?! ")


def about(ctx: zg.Context, questions: Mapping[str, str]) -> dict[str, str]:
    """Put the objective into questions, for `ask`."""
    objective = short_objective(ctx)
    return {name: q.format(objective=objective) for name, q in questions.items()}


async def ask(ctx: zg.Context, questions: Mapping[str, str]) -> dict[str, list[Point]]:
    """Ask questions that do not depend on each other; return the points of each.

    Raises:
        RunError: If the model has nothing to say to any of them.
    """
    works = [partial(_ask, ctx, question) for question in questions.values()]
    answers = dict(zip(questions, await together(works), strict=True))
    if not any(answers.values()):
        raise zg.RunError(
            "the model has nothing to say",
            "name a more capable model, or say the objective in other words",
        )
    return answers


async def _ask(ctx: zg.Context, question: str) -> list[Point]:
    response = await ctx.complete(
        [zg.Message.user(question)], max_output_tokens=_ANSWER_TOKENS
    )
    return points(response.text, cut=response.stop_reason == "max_tokens")


_ITEM = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+(.+)$", re.MULTILINE)
_BOLD = re.compile(r"\*\*(.+?)\*\*\s*[:\u2013-]?\s*(.*)")
_WHOLE = re.compile(r"(?s).*[.!?](?=[\s\"')]|$)")
_SHORTEST_PARAGRAPH = 20


def points(text: str, *, cut: bool = False) -> list[Point]:
    """Find the points of an answer: its list's items, or else its paragraphs.

    Args:
        text: The answer.
        cut: Whether it stopped at the output limit, so that its end is unfinished.
    """
    lines = _ITEM.findall(text)
    found: dict[str, Point] = {}
    for place, line in enumerate(lines):
        title, body = _titled(line.strip())
        if cut and place == len(lines) - 1:
            body = _whole(body)
        if body and not body.endswith(":"):  # which is the heading of a list within
            # Small models say things twice.
            found.setdefault((title or body).casefold(), Point(title, body))
    if not found:
        for paragraph in re.split(r"\n\s*\n", text):
            body = one_line(_whole(paragraph))
            if len(body) > _SHORTEST_PARAGRAPH:
                found.setdefault(body.casefold(), Point("", body))
    rest = one_line(text)
    return list(found.values()) or ([Point("", rest)] if rest else [])


def _titled(line: str) -> tuple[str, str]:
    if bold := _BOLD.fullmatch(line):
        return bold[1].strip(" :"), bold[2].replace("**", "")
    title, colon, body = line.replace("**", "").partition(": ")
    return (title, body) if colon and len(title) < 50 else ("", line.replace("**", ""))


def _whole(text: str) -> str:
    """Return the text up to the end of its last sentence."""
    found = _WHOLE.match(text.strip())
    return found[0].strip() if found else ""
