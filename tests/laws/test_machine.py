"""Laws of a run: whatever the workflow, the order steps end in, and what goes wrong."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from zg_core import (
    ErrorInfo,
    Event,
    RouteChosen,
    RunAccepted,
    RunFinished,
    RunResumed,
    RunStarted,
    Step,
    StepDegraded,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Workflow,
)
from zg_core._machine import RunState, advance, fold, outcome, ready
from zg_core.running.replay import Recorded

FAULT = ErrorInfo(type="RunError", cause="it broke")


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """Steps that need any of those before them."""
    names = [f"s{i}" for i in range(draw(st.integers(1, 7)))]
    steps = []
    for i, name in enumerate(names):
        needs = draw(st.sets(st.sampled_from(names[:i]))) if i else set()
        steps.append(Step(name, agent="a", needs=tuple(sorted(needs))))
    return Workflow("w", tuple(draw(st.permutations(steps))))


def begin(workflow: Workflow) -> list[Event]:
    agents = {step.name: "p:a" for step in workflow.steps}
    return [
        RunAccepted(seq=1, objective="x", workflow=workflow),
        RunStarted(
            seq=2, model="m", model_reason="", agents=agents, core="", api=1, python=""
        ),
    ]


def play(draw: st.DrawFn, events: list[Event]) -> list[Event]:
    """Start what is ready and end what runs, in any order, with any outcome."""
    state = fold(events)
    begun: set[str] = set()

    def note(event: Event) -> None:
        nonlocal state
        state = advance(state, event)
        events.append(event)

    while True:
        startable = [s.name for s in ready(state) if s.name not in begun]
        running = sorted(n for n, s in state.steps.items() if s.status == "running")
        choices = [("start", n) for n in startable] + [("end", n) for n in running]
        if not choices:
            break
        kind, name = draw(st.sampled_from(choices))
        seq = state.seq + 1
        if kind == "start":
            begun.add(name)
            note(StepStarted(seq=seq, step=name, agent="p:a"))
        else:
            note(
                draw(
                    st.sampled_from(
                        [
                            StepFinished(seq=seq, step=name, output=name),
                            StepDegraded(seq=seq, step=name, output={}, error=FAULT),
                            StepSkipped(seq=seq, step=name, reason="", error=FAULT),
                        ]
                    )
                )
            )
    note(_end(events))
    return events


@st.composite
def whole_runs(draw: st.DrawFn) -> list[Event]:
    return play(draw, begin(draw(workflows())))


@given(whole_runs())
def test_every_step_runs_once_and_after_its_needs(events: list[Event]) -> None:
    workflow = fold(events).workflow
    ended: set[str] = set()
    started: list[str] = []
    for event in events:
        if isinstance(event, StepStarted):
            assert set(workflow.step(event.step).needs) <= ended
            started.append(event.step)
        elif isinstance(event, StepFinished | StepDegraded | StepSkipped):
            ended.add(event.step)

    assert sorted(started) == sorted(step.name for step in workflow.steps)


@given(whole_runs())
def test_every_beginning_of_a_run_is_a_state(events: list[Event]) -> None:
    for length in range(1, len(events) + 1):
        assert fold(events[:length]).seq == length


@given(whole_runs())
def test_nothing_is_ready_after_the_end(events: list[Event]) -> None:
    assert isinstance(events[-1], RunFinished)
    assert ready(fold(events)) == ()


@given(st.data())
def test_a_run_cut_anywhere_and_taken_up_ends_like_one_never_cut(
    data: st.DataObject,
) -> None:
    workflow = data.draw(workflows())
    whole = [*begin(workflow)]
    for step in _in_order(workflow):
        whole.append(StepStarted(seq=len(whole) + 1, step=step, agent="p:a"))
        whole.append(StepFinished(seq=len(whole) + 1, step=step, output=step))
    whole.append(_end(whole))
    cut = data.draw(st.integers(2, len(whole) - 1))

    resumed = [*whole[:cut], RunResumed(seq=cut + 1, epoch=2)]
    while waiting := ready(fold(resumed)):
        name = data.draw(st.sampled_from([s.name for s in waiting]))
        resumed.append(StepStarted(seq=len(resumed) + 1, step=name, agent="p:a"))
        resumed.append(StepFinished(seq=len(resumed) + 1, step=name, output=name))
    resumed.append(_end(resumed))

    assert _meaning(fold(resumed)) == _meaning(fold(whole))


@given(workflows(), st.data())
def test_a_failed_step_is_ready_again_once_the_run_is_resumed(
    workflow: Workflow, data: st.DataObject
) -> None:
    events = begin(workflow)
    name = data.draw(st.sampled_from([s.name for s in ready(fold(events))]))
    events.append(StepStarted(seq=3, step=name, agent="p:a"))
    events.append(StepFailed(seq=4, step=name, error=FAULT))

    assert name not in [s.name for s in ready(fold(events))]
    events.append(RunResumed(seq=5, epoch=2))
    assert name in [s.name for s in ready(fold(events))]


def _in_order(workflow: Workflow) -> list[str]:
    done: list[str] = []
    while len(done) < len(workflow.steps):
        done += [
            s.name
            for s in workflow.steps
            if s.name not in done and set(s.needs) <= set(done)
        ][:1]
    return done


def _end(events: list[Event]) -> RunFinished:
    finished = outcome(fold(events))
    assert finished is not None
    return replace(finished, seq=len(events) + 1)


def _meaning(state: RunState) -> object:
    return state.status, state.output, {n: s.output for n, s in state.steps.items()}


ROUTED = Workflow(
    "w", (Step("a", agent="a"), Step("b", agent="b", needs=("a",))), routed=True
)


@given(
    st.dictionaries(st.sampled_from("abz"), st.sampled_from(["p:a", "p:b", "p:Not"])),
    st.lists(st.lists(st.sampled_from(["p:a", "p:b", "p:Not", ""])), max_size=3),
)
def test_every_choice_of_agents_is_believed_as_far_as_it_goes(
    agents: dict[str, str], choices: list[list[str]]
) -> None:
    started = replace(begin(ROUTED)[1], agents=agents)  # type: ignore[call-arg]
    state = fold([RunAccepted(seq=1, objective="x", workflow=ROUTED), started])

    for choice in choices:
        event = RouteChosen(
            seq=state.seq + 1,
            classifier="c",
            label="l",
            probability=None,
            reason="",
            agents=tuple(choice),
        )
        state = advance(state, event)
        assert state.route is event
        assert {step.name for step in state.workflow.steps} <= state.steps.keys()


@given(
    st.lists(
        st.builds(
            lambda make, path: make(path),
            st.sampled_from(
                [
                    lambda path: StepFinished(step=path, output=1, call_key="a:1:1"),
                    lambda path: StepFailed(step=path, error=FAULT, call_key="a:1:1"),
                ]
            ),
            st.sampled_from(["a", "a@2", "", "/", "a/", "a[0]", "a/b.1f", "["]),
        )
    )
)
def test_records_are_taken_in_whatever_path_they_have(events: list[Event]) -> None:
    Recorded(events)
