"""What a step is given: the outputs before it, its prompt, and what it decides by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .._expressions import evaluate, is_true, mentioned
from .._json import Json
from .._machine import RunState
from .._prompts import fill, placeholders
from .._step_paths import item
from .._workflow_graph import graph_of
from ..workflows import Step
from .step_input import StepInput

__all__ = ["Item", "given_to", "is_good", "is_wanted", "loop_of", "listed"]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list that a step is done for.

    Attributes:
        index: Its place, from 0.
        value: What it is.
    """

    index: int
    value: Json


def given_to(state: RunState, step: Step, one: Item | None = None) -> StepInput:
    """Return what a step's agent is given, in the round that it is in.

    Args:
        state: How far the run is.
        step: The step.
        one: The item that it is done for, if it is for one.
    """
    accepted = state.accepted
    path = state.steps[step.name].path
    needed, earlier = _needed(state, step), _earlier(state, step)
    return StepInput(
        run_id=accepted.run_id,
        step=path if one is None else item(path, one.index),
        agent=state.agents[step.name],
        objective=state.objective,
        prompt=_prompt(state, step, needed, earlier, one),
        outputs={**needed, **earlier},
        files=accepted.files,
        model=step.model,
        tools=step.tools,
        output_schema=step.output_schema,
        max_output_tokens=step.max_output_tokens,
    )


# -- What it decides by ----------------------------------------------------------------


def is_wanted(state: RunState, step: Step) -> bool:
    """Tell whether a step is to be done.

    Raises:
        WorkflowError: If its `when` cannot be evaluated.
    """
    if not step.when:
        return True
    found = evaluate(step.when, _seen(state, step), f"'when' of step {step.name!r}")
    return is_true(found)


def listed(state: RunState, step: Step) -> object:
    """Return what a step is done for each of, whatever that is.

    Raises:
        WorkflowError: If its `for_each` cannot be evaluated.
    """
    whose = f"'for_each' of step {step.name!r}"
    return evaluate(step.for_each, _seen(state, step), whose)


def is_good(state: RunState, step: Step, output: Json) -> bool:
    """Tell whether a loop has come to its end, by the output of its last step.

    Raises:
        WorkflowError: If its `until` cannot be evaluated.
    """
    if step.repeat is None:
        return True
    within = (name for name in loop_of(state, step) if name != step.name)
    document = {**_seen(state, step), **_outputs(state, within)}
    document |= {step.name: output, "output": output}
    whose = f"'until' of step {step.name!r}"
    return is_true(evaluate(step.repeat.until, document, whose))


def loop_of(state: RunState, step: Step) -> tuple[str, ...]:
    """Return the steps of the loop that a step ends, in the workflow's order."""
    within = graph_of(state.workflow).loops.get(step.name, frozenset())
    return tuple(each.name for each in state.workflow.steps if each.name in within)


def _seen(state: RunState, step: Step) -> dict[str, Json]:
    """Return what a step's expressions are over."""
    return {
        **_needed(state, step),
        **_earlier(state, step),
        "objective": state.objective,
        "round": state.steps[step.name].round,
    }


def _needed(state: RunState, step: Step) -> dict[str, Json]:
    return _outputs(state, step.needs)


def _outputs(state: RunState, names: Iterable[str]) -> dict[str, Json]:
    return {
        name: state.steps[name].output
        for name in names
        if state.steps[name].status != "skipped"
    }


def _earlier(state: RunState, step: Step) -> dict[str, Json]:
    """Return the outputs of the round before that a step may see."""
    if state.steps[step.name].round == 1:
        return {}
    # What was skipped in that round has none: see `_machine`.
    seen = graph_of(state.workflow).before(step.name)
    found = {n: state.steps[n].output for n in state.steps if n in seen}
    return {name: output for name, output in found.items() if output is not None}


# -- What it is asked ------------------------------------------------------------------


def _prompt(
    state: RunState,
    step: Step,
    needed: Mapping[str, Json],
    earlier: Mapping[str, Json],
    one: Item | None,
) -> str:
    accepted = state.accepted
    if step.prompt:
        return fill(step.prompt, _values(state, step, {**needed, **earlier}, one))
    # Its item stands for the list: with each of them all would be sent again.
    of_list = frozenset() if one is None else mentioned(step.for_each)
    number = state.steps[step.name].round - 1
    parts = [state.objective]
    if accepted.background:
        parts.append(f"## Before\n\n{accepted.background}")
    if accepted.files:
        parts.append("## Files\n\n" + "\n".join(f"- {path}" for path in accepted.files))
    for outputs, of_round in ((needed, ""), (earlier, f", round {number}")):
        parts += (
            f"## {name}{of_round}\n\n{_text(output)}"
            for name, output in outputs.items()
            if name not in of_list
        )
    if one is not None:
        parts.append(f"## Item {one.index + 1}\n\n{_text(one.value)}")
    return "\n\n".join(parts)


def _values(
    state: RunState, step: Step, outputs: Mapping[str, Json], one: Item | None
) -> dict[str, str]:
    """Return what the names in its prompt stand for; of what was left out nothing."""
    given: dict[str, Json] = {
        **dict.fromkeys((*state.steps, *state.workflow.left_out), ""),
        **outputs,
        "input": state.objective,
        "objective": state.objective,
    }
    if graph_of(state.workflow).end_of(step.name) is not None:
        given["round"] = state.steps[step.name].round
    if one is not None:
        given |= {"item": one.value, "index": one.index}
    # Not more than these: an item need not wait for the text of what is not in it.
    wanted = placeholders(step.prompt)
    return {name: _text(value) for name, value in given.items() if name in wanted}


def _text(output: Json) -> str:
    if isinstance(output, str):
        return output
    return json.dumps(output, ensure_ascii=False, indent=2)
