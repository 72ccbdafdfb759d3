"""A workflow is well formed, or it is not made."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zg_core import Repeat, Step, Workflow, WorkflowError
from zg_core._codec import dump, load
from zg_core._workflow_graph import Graph, graph_of, loops


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
        (lambda: Workflow("w", steps("a", a=("a",))), "needs itself"),
        (lambda: Workflow("w", mentioning("{a}")), "does not need it"),
        (lambda: Step("input", agent="a"), "cannot be called 'input'"),
        (lambda: Step("A", agent="a"), "cannot be called 'A'"),
        (lambda: Step("a", agent="a", timeout_seconds=0), "time limit of 0"),
        (lambda: Step("a", agent="a", on_error="ignore"), "'fail', 'skip' or"),  # type: ignore[arg-type]
    ],
)
def test_what_is_not_well_formed_is_refused_with_the_reason(
    make: object, why: str
) -> None:
    with pytest.raises(WorkflowError, match=why):
        make()  # type: ignore[operator]


def looping(
    *, until: str = "output.ok", back_to: str = "draft", **changes: Step
) -> tuple[Step, ...]:
    """Plan, then write until a judge is content, then publish."""
    made = {
        "plan": Step("plan", agent="a"),
        "draft": Step("draft", agent="a", needs=("plan",)),
        "review": Step(
            "review",
            agent="a",
            needs=("draft",),
            repeat=Repeat(until=until, back_to=back_to),
        ),
        "publish": Step("publish", agent="a", needs=("review",)),
    }
    return tuple((made | changes).values())


def step(name: str, *needs: str, **options: Any) -> Step:
    return Step(name, agent="a", needs=needs, **options)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: looping(back_to="drat"), "'review' goes back to 'drat', .*'draft'"),
        (lambda: looping(back_to="zzz"), "'zzz', which is no step; name a step that"),
        (lambda: looping(back_to="publish"), "'publish', on which it does not depend"),
        (
            lambda: looping(publish=step("publish", "draft")),
            "'publish' needs 'draft', which is done again until 'review' is good; "
            "let it need 'review'",
        ),
        (
            lambda: looping(
                publish=step(
                    "publish", "review", repeat=Repeat(until="output", back_to="draft")
                )
            ),
            "'draft' is in the loops of 'review' and 'publish'",
        ),
        (lambda: looping(until="output.ok ="), "'until' of step 'review' is no JMESP"),
        (lambda: looping(until="publish.ok"), "'until' of step 'review' mentions 'pub"),
        (
            lambda: looping(draft=step("draft", "plan", prompt="{publish}")),
            "prompt of step 'draft' has {publish}, but the step does not need it",
        ),
        (
            lambda: looping(draft=step("draft", "plan", when="publish.ok")),
            "'when' of step 'draft' mentions 'publish', which it cannot see; it sees "
            "draft, objective, plan, review, round",
        ),
        (lambda: looping(plan=step("plan", when="plan.ok")), "'when' of step 'plan' m"),
        (
            lambda: looping(publish=step("publish", "review", for_each="reviw")),
            "'for_each' of step 'publish' mentions 'reviw', .* did you mean 'review'",
        ),
    ],
)
def test_a_loop_or_an_expression_that_cannot_be_is_refused(
    make: Callable[[], tuple[Step, ...]], why: str
) -> None:
    with pytest.raises(WorkflowError, match=why) as caught:
        Workflow("w", make())

    assert caught.value.remedy
    assert caught.value.details["step"] in {"plan", "draft", "review", "publish"}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            {"repeat": Repeat(until="output", rounds=1)},
            "'rounds' of step 'a' is 1; .* 2 to 20",
        ),
        ({"repeat": Repeat(until="output", rounds=21)}, "'rounds' of step 'a' is 21"),
        ({"max_items": 0}, "'max_items' of step 'a' is 0; .* from 1 to 1,000"),
        ({"max_items": 10_000}, "'max_items' of step 'a' is 10000"),
        ({"max_items": True}, "'max_items' of step 'a' is True"),
        ({"parallel": 101}, "'parallel' of step 'a' is 101; .* from 1 to 100"),
        ({"parallel": 2.5}, "'parallel' of step 'a' is 2.5"),
        ({"parallel": 2}, "step 'a' has 'parallel', but no 'for_each'"),
        ({"max_items": 7}, "step 'a' has 'max_items', but no 'for_each'"),
        ({"prompt": "On {item}"}, r"step 'a' has \{item\} in its prompt, but no 'for"),
        ({"needs": "plan"}, "'needs' of step 'a' is the text 'plan'; give a list"),
        ({"tools": "peek"}, "'tools' of step 'a' is the text 'peek'"),
        ({"max_output_tokens": 0}, "'max_output_tokens' of step 'a' is 0; .* from 1"),
        ({"max_output_tokens": True}, "'max_output_tokens' of step 'a' is True"),
        ({"output_schema": ["x"]}, "'output_schema' of step 'a' is no JSON object"),
        (
            {"output_schema": {"$ref": "http://example.com/x.json"}},
            "'output_schema' of step 'a' cannot be used: .* leads elsewhere",
        ),
        (
            {"output_schema": {"allOf": [{"$ref": "#"}]}},
            "'output_schema' of step 'a' cannot be used: .* leads back to itself",
        ),
        ({"output_schema": {"pattern": "(?=x)"}}, "cannot be used: .* be matched"),
    ],
)
def test_a_step_that_cannot_be_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(WorkflowError, match=why) as caught:
        Step("a", agent="a", **options)

    assert caught.value.remedy
    assert caught.value.details["step"] == "a"


def test_a_step_of_a_loop_may_look_back_at_the_round_before() -> None:
    draft = step(
        "draft", "plan", prompt="{draft} {review} {round}", when="!(review.ok) || draft"
    )

    assert Workflow("w", looping(draft=draft)).steps[1] == draft


def test_one_that_may_run_beside_another_cannot_since_nobody_knows_which_round() -> (
    None
):
    repeat = Repeat(until="output.ok", back_to="draft")
    with pytest.raises(
        WorkflowError, match=r"'check' has \{look\}, but the step does not"
    ):
        Workflow(
            "w",
            (
                step("draft"),
                step("check", "draft", prompt="{look}"),
                step("look", "draft"),
                step("review", "draft", "look", "check", repeat=repeat),
            ),
        )


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


# -- Loops of which parts are left out ----------------------------------------------

LOOP = Workflow(
    "loop",
    (
        Step("plan", agent="plan"),
        Step("code", agent="code", needs=("plan",), prompt="{judge} {plan}"),
        Step("look", agent="look", needs=("plan",), when="!judge || !(judge.ok)"),
        Step(
            "judge",
            agent="judge",
            needs=("code", "look"),
            when="code || look",
            repeat=Repeat(until="output.ok && plan", back_to="plan"),
        ),
        Step("ship", agent="ship", needs=("judge", "code"), prompt="{judge}"),
    ),
)
LOOPERS = {step.name: f"p:{step.agent}" for step in LOOP.steps}


def test_a_loop_whose_end_is_left_out_is_none() -> None:
    work = LOOP.only(["p:plan", "p:code", "p:ship"], LOOPERS)

    assert shape(work) == {"plan": (), "code": ("plan",), "ship": ("code", "plan")}
    assert not loops(work.steps)


def test_a_loop_whose_beginning_is_left_out_begins_with_what_comes_next() -> None:
    work = LOOP.only(["p:code", "p:judge", "p:ship"], LOOPERS)

    assert loops(work.steps) == {"judge": {"code", "judge"}}


def test_a_loop_that_would_have_two_beginnings_is_none() -> None:
    work = LOOP.only(["p:code", "p:look", "p:judge"], LOOPERS)

    assert not loops(work.steps)


def test_an_agent_without_a_step_stands_outside_of_loops() -> None:
    work = LOOP.only([*LOOPERS.values(), "x:critic"], LOOPERS)

    assert shape(work)["critic"] == ("judge",)
    assert shape(work)["ship"] == ("judge", "code", "critic")


@given(
    st.sets(st.sampled_from([*LOOPERS.values(), "x:critic", "y:critic"]), min_size=1)
)
def test_whatever_is_left_out_the_rest_is_well_formed(agents: set[str]) -> None:
    work = LOOP.only(sorted(agents), LOOPERS)

    assert {LOOPERS.get(s.name, s.agent) for s in work.steps} == agents
    assert Workflow(work.name, work.steps, left_out=work.left_out) == work
    again = {step.name: f"p:{step.agent}" for step in work.steps}
    assert work.only(again.values(), again) == work


# -- Its graph -------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Step, ...]:
    """Steps that need any of those before them, in any order, with loops that fit."""
    names = [f"s{number}" for number in range(draw(st.integers(1, 9)))]
    made: dict[str, Step] = {}
    for place, name in enumerate(names):
        needs = draw(st.sets(st.sampled_from(names[:place]))) if place else set()
        backs = ["", name, *sorted(above(made, needs))]
        back_to = draw(st.none() | st.sampled_from(backs))
        repeat = None if back_to is None else Repeat(until="output", back_to=back_to)
        made[name] = Step(name, agent="a", needs=tuple(sorted(needs)), repeat=repeat)
    return tuple(draw(st.permutations(list(made.values()))))


def above(made: dict[str, Step], names: set[str]) -> set[str]:
    """Return steps and all that they need, step by step."""
    return names.union(*(above(made, set(made[name].needs)) for name in names))


@given(graphs())
def test_the_graph_knows_what_a_walk_along_the_needs_finds(
    drawn: tuple[Step, ...],
) -> None:
    graph, made = Graph(drawn), {step.name: step for step in drawn}

    assert not graph.waiting
    for step in drawn:
        assert graph.above(step.name) == above(made, {step.name})
        if step.repeat is not None:
            first = step.repeat.back_to or step.name
            within = {n for n in above(made, {step.name}) if first in above(made, {n})}
            assert graph.loops[step.name] == within
        if end := graph.end_of(step.name):
            assert graph.before(step.name) == {
                n for n in graph.loops[end] if step.name in above(made, {n})
            }


def test_the_graph_is_no_part_of_what_a_workflow_is() -> None:
    graph_of(LOOP)
    drawn = graph_of(LOOP)
    others = (
        load(Workflow, dump(LOOP)),
        copy.copy(LOOP),
        pickle.loads(pickle.dumps(LOOP)),
    )

    assert graph_of(LOOP) is drawn
    assert "graph" not in str(dump(LOOP))
    for other in others:
        assert other == LOOP
        assert graph_of(other).loops == drawn.loops


def test_a_thousand_steps_with_a_loop_each_are_looked_through() -> None:
    names = [f"s{number}" for number in range(1_000)]
    again = Repeat(until="output")
    work = Workflow(
        "w",
        tuple(
            Step(name, agent="a", needs=tuple(names[max(0, n - 3) : n]), repeat=again)
            for n, name in enumerate(names)
        ),
    )

    assert len(loops(work.steps)) == len(names)


def test_many_ways_from_one_step_to_another_are_gone_once() -> None:
    """In each of these layers there are two ways on, so that there are 2**60 in all."""
    layers = [[f"a{number}", f"b{number}"] for number in range(60)]
    made = [Step("first", agent="keep")]
    for layer, below in zip(layers, [["first"], *layers], strict=False):
        made += (Step(name, agent="drop", needs=tuple(below)) for name in layer)
    made.append(Step("last", agent="keep", needs=tuple(layers[-1])))
    agents = {step.name: f"p:{step.agent}" for step in made}

    work = Workflow("w", tuple(made)).only(["p:keep"], agents)

    assert shape(work) == {"first": (), "last": ("first",)}
