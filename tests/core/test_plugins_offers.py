"""What is wrong with what a plugin offers is said before somebody uses it."""

from __future__ import annotations

import pytest

import zg_core.plugin_api as zg
from zg_core.plugins.trial.offers import flaw_of_offer
from zg_core.registry import Contribution, Kind


def count(text: str) -> int:
    return len(text)


def spread(*texts: str) -> int:
    return len(texts)


@pytest.mark.parametrize(
    ("kind", "spec", "flaw"),
    [
        ("tool", zg.tool(count), None),
        ("tool", zg.ToolSpec(name="t", factory=print), None),
        ("agent", zg.AgentSpec(name="a", factory="textwrap:dedent"), None),
        (
            "agent",
            zg.AgentSpec(name="a", factory="zg_nowhere:Lost"),
            "agent 'a': import of 'zg_nowhere:Lost' failed: ModuleNotFoundError: "
            "No module named 'zg_nowhere'",
        ),
        (
            "agent",
            zg.AgentSpec(name="a", factory="textwrap:__doc__"),
            "agent 'a': 'textwrap:__doc__' cannot be called",
        ),
        (
            "tool",
            zg.ToolSpec(name="t", factory="a:b", parameters={"type": "nope"}),
            "tool 't': a JSON Schema is not valid: type: 'nope' is not valid under "
            "any of the given schemas",
        ),
        ("tool", zg.tool(spread), "tool 'spread': the parameters of spread have"),
    ],
)
def test_a_flaw_is_named_with_its_thing(
    kind: Kind, spec: zg.AgentSpec | zg.ToolSpec, flaw: str | None
) -> None:
    found = flaw_of_offer(Contribution(kind, spec, "zg-any"))
    text = found and str(found)

    assert text == flaw or (flaw and text and text.startswith(flaw))
