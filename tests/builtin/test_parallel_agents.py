"""The engineer and the designer work at once, so that four agents take three calls."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from offering import Offering

import zg_core as zg
from zg_core.testing import ScriptedProvider
from zg_plugins_builtin import workflows
from zg_plugins_builtin.agents import architect, designer, engineer, operator
from zg_plugins_builtin.tools.files import TOOLS

pytestmark = pytest.mark.anyio

_KINDS = {
    "architect": architect.Architect,
    "engineer": engineer.Engineer,
    "designer": designer.Designer,
    "operator": operator.Operator,
}
_MODULES = (architect, engineer, designer, operator)
ANSWERS = {
    "architect": json.dumps(
        {"summary": "A", "components": [], "steps": [], "risks": [], "acceptance": []}
    ),
    "engineer": "It is done.",
    "designer": json.dumps(
        {
            "summary": "Calm.",
            "look": "White.",
            "palette": {"background": "#fff", "text": "#000", "accent": "#00f"},
            "pages": [],
        }
    ),
    "operator": json.dumps(
        {"title": "T", "summary": "S", "how_to_use": [], "left_to_do": []}
    ),
}


class Meeting(ScriptedProvider):
    """Answers a call only when all that are to be under way with it are.

    Args:
        *waves: Who is to ask at once, in order.

    Attributes:
        answered: Who was answered together, in order.
    """

    def __init__(self, *waves: set[str]) -> None:
        super().__init__()
        self.answered: list[set[str]] = []
        self._waves = list(waves)
        self._asking: set[str] = set()
        self._all_there = anyio.Event()

    async def complete(self, request: zg.Request) -> zg.Response:
        system = request.messages[0].text
        name = next(
            name
            for name, module in zip(_KINDS, _MODULES, strict=True)
            if system.startswith(module.INSTRUCTIONS)
        )
        self._asking.add(name)
        there = self._all_there
        if self._asking == self._waves[0]:
            self.answered.append(self._waves.pop(0))
            self._asking, self._all_there = set(), anyio.Event()
            there.set()
        with anyio.fail_after(10):
            await there.wait()
        return zg.Response(
            message=zg.Message.assistant(ANSWERS[name]),
            stop_reason="end",
            model="any",
            usage=zg.Usage(calls=1),
        )


class Says:
    """A classifier that always says the same."""

    def __init__(self, label: str) -> None:
        self.label = label

    async def classify(self, text: str) -> zg.Label:
        return zg.Label(self.label, 1.0, "it was told to")


async def do(workflow: zg.Workflow, model: Meeting, label: str = "") -> zg.RunResult:
    kinds: dict[str, Any] = {name: kind() for name, kind in _KINDS.items()}
    plugin = Offering(*TOOLS, classifiers={"says": Says(label)}, **kinds)
    async with zg.Engine.open(
        plugin,
        model,
        journal="memory",
        discover=False,
        config=zg.Config(classifier="says", out="out"),
    ) as opened:
        options = zg.RunOptions(model="scripted:any")
        return await opened.run(workflow, "Build a booking site", options=options)


THREE = ({"architect"}, {"engineer", "designer"}, {"operator"})


async def test_in_optimized_four_calls_take_the_time_of_three() -> None:
    model = Meeting(*THREE)

    result = await do(workflows.OPTIMIZED, model)

    assert result.status == "completed"
    assert model.answered == [*THREE]
    assert result.usage.calls == 4


@pytest.mark.parametrize(
    ("label", "waves"),
    [
        ("general", THREE),
        ("strategic", THREE[:2]),
        ("technical", ({"architect"}, {"engineer"}, {"operator"})),
        ("creative", ({"architect"}, {"designer"}, {"operator"})),
    ],
)
async def test_in_adaptive_who_can_work_at_once_does(
    label: str, waves: tuple[set[str], ...]
) -> None:
    model = Meeting(*waves)

    result = await do(workflows.ADAPTIVE, model, label)

    assert result.status == "completed"
    assert model.answered == [*waves]


async def test_in_sequential_nobody_does() -> None:
    waves = [{name} for name in _KINDS]
    model = Meeting(*waves)

    result = await do(workflows.SEQUENTIAL, model)

    assert result.status == "completed"
    assert model.answered == waves
