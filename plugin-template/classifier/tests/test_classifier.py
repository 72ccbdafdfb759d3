"""The classifier knows what it can know, and abstains otherwise."""

from __future__ import annotations

import anyio
import pytest
import zg_core as zg
from zg_core.testing import run_offline

import zg_example.plugin
from zg_example.classifiers import ExampleClassifier


class Saying:
    """An agent that says which category the objective has."""

    async def run(self, ctx: zg.Context) -> zg.Reply:
        label = await ctx.classify(ctx.objective, classifier="example")
        return zg.Reply(output=label.name if label else "unknown")


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("A logo for a bakery", "creative"),
        ("Code for a SERVER, and a poem about it", "technical"),
        ("Code for a poem", None),
        ("Dinner for two", None),
    ],
)
def test_words_decide(text: str, category: str | None) -> None:
    label = anyio.run(ExampleClassifier().classify, text)

    assert (label.name if label else None) == category


def test_a_run_can_ask_it() -> None:
    assert run_offline(Saying(), "A song", zg_example.plugin).output == "creative"
