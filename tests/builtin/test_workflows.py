"""The built-in workflows: which steps wait for which."""

from __future__ import annotations

import pytest

import zg_core as zg
from zg_plugins_builtin import workflows


def shape(workflow: zg.Workflow) -> dict[str, tuple[str, ...]]:
    agents = {step.name: step.agent for step in workflow.steps}
    return {s.agent: tuple(agents[n] for n in s.needs) for s in workflow.steps}


def test_sequential_does_one_step_after_the_other() -> None:
    assert shape(workflows.SEQUENTIAL) == {
        "architect": (),
        "engineer": ("architect",),
        "designer": ("architect", "engineer"),
        "operator": ("architect", "engineer", "designer"),
    }


def test_optimized_builds_and_designs_at_once() -> None:
    assert shape(workflows.OPTIMIZED) == {
        "architect": (),
        "engineer": ("architect",),
        "designer": ("architect",),
        "operator": ("architect", "engineer", "designer"),
    }


@pytest.mark.parametrize(
    ("agents", "expected"),
    [
        (
            ("architect", "engineer", "operator"),
            {
                "architect": (),
                "engineer": ("architect",),
                "operator": ("architect", "engineer"),
            },
        ),
        (
            ("architect", "engineer", "designer"),
            {
                "architect": (),
                "engineer": ("architect",),
                "designer": ("architect",),
            },
        ),
        (("operator",), {"operator": ()}),
    ],
)
def test_adaptive_keeps_the_agents_that_were_chosen(
    agents: tuple[str, ...], expected: dict[str, tuple[str, ...]]
) -> None:
    adaptive = workflows.ADAPTIVE
    names = {step.name: step.agent for step in adaptive.steps}

    assert adaptive.routed
    assert shape(adaptive.only(agents, names)) == expected


def test_solo_is_one_agent() -> None:
    assert shape(workflows.SOLO) == {"engineer": ()}
    assert shape(workflows.solo("designer")) == {"designer": ()}


def test_every_workflow_is_offered_by_its_own_name() -> None:
    specs = {spec.name: spec for spec in workflows.SPECS}

    assert sorted(specs) == ["adaptive", "optimized", "sequential", "solo"]
    assert all(spec.workflow.name == name for name, spec in specs.items())
    assert all(spec.description for spec in specs.values())
