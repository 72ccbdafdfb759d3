"""A workflow is well formed, or it is not made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zg_core import Step, Workflow, WorkflowError


def steps(*names: str, **needs: tuple[str, ...]) -> tuple[Step, ...]:
    return tuple(Step(n, agent=n, needs=needs.get(n, ())) for n in names)


def mentioning(prompt: str) -> tuple[Step, ...]:
    return (Step("a", agent="a"), Step("b", agent="b", prompt=prompt))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Workflow("w", ()), "no steps"),
        (lambda: Workflow("No Name", steps("a")), "cannot be called 'No Name'"),
        (lambda: Workflow("w", steps("a", "a")), "two steps called 'a'"),
        (lambda: Workflow("w", steps("plan", "b", b=("pan",))), "did you mean 'plan'"),
        (lambda: Workflow("w", steps("a", b=("zzz",), a=("zzz",))), "is no step"),
        (lambda: Workflow("w", steps("a", "b", a=("b",), b=("a",))), "wait for each"),
        (lambda: Workflow("w", steps("a", a=("a",))), "wait for each other"),
        (lambda: Workflow("w", mentioning("{a}")), "does not need it"),
        (lambda: Step("input", agent="a"), "cannot be called 'input'"),
        (lambda: Step("A", agent="a"), "cannot be called 'A'"),
        (lambda: Step("a", agent="a", timeout_seconds=0), "time limit of 0"),
    ],
)
def test_what_is_not_well_formed_is_refused_with_the_reason(
    make: object, why: str
) -> None:
    with pytest.raises(WorkflowError, match=why):
        make()  # type: ignore[operator]


def test_braces_that_name_no_step_mean_themselves() -> None:
    step = Step("a", agent="a", prompt='{"json": {not_a_step}} {input}')

    assert Workflow("w", (step,)).steps == (step,)


def test_the_last_steps_are_those_no_other_needs() -> None:
    work = Workflow("w", steps("a", "b", "c", b=("a",), c=("a",)))

    assert [s.name for s in work.last()] == ["b", "c"]


NEEDS = {"code": ("plan",), "look": ("plan",), "ship": ("code", "look")}
TEAM = Workflow("team", steps("plan", "code", "look", "ship", **NEEDS))
AGENTS = {step.name: f"p:{step.agent}" for step in TEAM.steps}


def shape(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    return {step.name: step.needs for step in workflow.steps}


def test_a_step_left_out_passes_its_needs_on() -> None:
    work = TEAM.only(["p:plan", "p:ship"], AGENTS)

    assert shape(work) == {"plan": (), "ship": ("plan",)}


def test_an_agent_without_a_step_gets_one_between_the_first_and_the_last() -> None:
    work = TEAM.only(["p:plan", "p:code", "p:ship", "x:critic"], AGENTS)

    assert shape(work) == {
        "plan": (),
        "code": ("plan",),
        "ship": ("code", "plan", "critic"),
        "critic": ("plan",),
    }


def test_a_strangers_step_never_takes_anothers_name() -> None:
    work = TEAM.only(["p:plan", "x:plan"], AGENTS)

    assert shape(work) == {"plan": (), "plan-2": ("plan",)}


@given(st.sets(st.sampled_from([*AGENTS.values(), "x:critic", "y:critic"]), min_size=1))
def test_any_choice_of_agents_gives_a_workflow_of_just_these(agents: set[str]) -> None:
    work = TEAM.only(sorted(agents), AGENTS)

    assert {AGENTS.get(s.name, s.agent) for s in work.steps} == agents
