"""Whether a workflow is well formed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from ._expressions import check_expression
from ._names import is_name, nearest
from ._prompts import placeholders
from ._schema_limits import checked_text
from ._step_paths import ROUTE
from ._workflow_graph import Graph, graph_of
from .errors import PluginError, WorkflowError

if TYPE_CHECKING:
    from .workflows import Repeat, Step, Workflow

__all__ = ["LISTS", "RESERVED", "OnError", "check_step", "check_workflow"]

RESERVED = frozenset({"input", "objective", "item", "index", "round", "output"})
"""Names that mean something in prompts and expressions."""

_OF_ITEMS = frozenset({"item", "index"})
"""Names that mean something only in steps that are done for each item of a list."""

OnError: TypeAlias = Literal["fail", "skip", "fallback"]
"""What the failure of a step may mean."""

LISTS = {"max_items": 100, "parallel": 10}
"""What says how such a list is done, and what it says if it is left out."""

_ALWAYS = frozenset({"objective", "round"})
"""What every expression of a step may mention, beside other steps."""


# -- One step by itself ----------------------------------------------------------------


def check_step(step: Step) -> None:
    """Refuse a step that is not well formed by itself.

    Raises:
        WorkflowError: If it is not.
    """
    if not is_name(step.name) or step.name in RESERVED:
        raise _error(
            f"a step cannot be called {step.name!r}",
            "use a lower-case letter, then letters, digits, '-' and '_'; "
            f"{', '.join(sorted(RESERVED))} are taken",
            step,
            "name",
        )
    if step.timeout_seconds is not None and not step.timeout_seconds > 0:
        raise _error(
            f"step {step.name!r} has a time limit of {step.timeout_seconds!r} s",
            "give more than zero, or none",
            step,
            "timeout_seconds",
        )
    if step.on_error not in get_args(OnError):
        raise _error(
            f"'on_error' of step {step.name!r} is {step.on_error!r}",
            "give 'fail', 'skip' or 'fallback'",
            step,
            "on_error",
        )
    for key in ("needs", "tools"):
        if isinstance(value := getattr(step, key), str):
            raise _error(
                f"{key!r} of step {step.name!r} is the text {value!r}",
                "give a list of names",
                step,
                key,
            )
    _check_number(step, "max_items", step.max_items, 1, 1_000)
    _check_number(step, "parallel", step.parallel, 1, 100)
    if not step.for_each:
        _check_without_list(step)
    if step.repeat is not None:
        _check_number(step, "rounds", step.repeat.rounds, 2, 20)
    if step.max_output_tokens is not None:
        most = step.max_output_tokens
        _check_number(step, "max_output_tokens", most, 1, 1_000_000_000)
    _check_schema(step)


def _check_number(step: Step, key: str, value: object, least: int, most: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value <= most:  # type: ignore[operator]
        raise _error(
            f"{key!r} of step {step.name!r} is {value!r}",
            f"give a whole number from {least:,} to {most:,}",
            step,
            "repeat" if key == "rounds" else key,
        )


def _check_without_list(step: Step) -> None:
    """Refuse what means nothing in a step that is not done for each item of a list."""
    found = [
        ("prompt", f"{{{name}}} in its prompt")
        for name in sorted(placeholders(step.prompt) & _OF_ITEMS)
    ]
    found += [
        (key, repr(key)) for key, usual in LISTS.items() if getattr(step, key) != usual
    ]
    if found:
        field, what = found[0]
        raise _error(
            f"step {step.name!r} has {what}, but no 'for_each'",
            "say with 'for_each' what list it is done for, or take it out",
            step,
            field,
        )


def _check_schema(step: Step) -> None:
    if step.output_schema is None:
        return
    if not isinstance(step.output_schema, dict):
        raise _error(
            f"'output_schema' of step {step.name!r} is no JSON object",
            "give a JSON Schema, or leave it out",
            step,
            "output_schema",
        )
    try:
        checked_text(step.output_schema)
    except PluginError as error:
        raise _error(
            f"'output_schema' of step {step.name!r} cannot be used: {error.cause}",
            error.remedy,
            step,
            "output_schema",
        ) from error


def _error(cause: str, remedy: str, step: Step, field: str) -> WorkflowError:
    """Return an error that says where in a workflow's file it comes from."""
    return WorkflowError(cause, remedy, step=step.name, field=field)


# -- Steps together --------------------------------------------------------------------


def check_workflow(workflow: Workflow) -> None:
    """Refuse steps that do not fit together.

    Raises:
        WorkflowError: If they do not.
    """
    if not is_name(workflow.name):
        raise WorkflowError(
            f"a workflow cannot be called {workflow.name!r}",
            "use a lower-case letter, then letters, digits, '-' and '_'",
        )
    if not workflow.steps:
        raise WorkflowError(f"workflow {workflow.name!r} has no steps", "add one")
    names = Counter(step.name for step in workflow.steps)
    for name, count in names.items():
        if count > 1:
            raise WorkflowError(
                f"workflow {workflow.name!r} has two steps called {name!r}",
                "rename one",
                step=name,
            )
    if workflow.routed and ROUTE in names:
        raise WorkflowError(
            f"a step of the routed workflow {workflow.name!r} is called {ROUTE!r}",
            "rename it: so is called what chooses its agents",
            step=ROUTE,
        )
    for step in workflow.steps:
        _check_needs(step, names)
    graph = graph_of(workflow)
    _check_order(graph)
    _check_loops(workflow, graph)
    for step in workflow.steps:
        sees = frozenset((*step.needs, *workflow.left_out, *graph.before(step.name)))
        _check_prompt(step, names, sees)
        for key, expression, known in _expressions(step, graph, sees):
            try:
                check_expression(expression, f"{key!r} of step {step.name!r}", known)
            except WorkflowError as error:
                field = "repeat" if key == "until" else key
                raise _error(error.cause, error.remedy, step, field) from None


def _check_needs(step: Step, names: Collection[str]) -> None:
    for need in step.needs:
        if need == step.name:
            raise _error(
                f"step {step.name!r} needs itself",
                "drop the need; to have it done again, give it 'repeat'",
                step,
                "needs",
            )
        if need not in names:
            raise _error(
                f"step {step.name!r} needs {need!r}, which is no step",
                _meant(need, names) or "add it, or drop the need",
                step,
                "needs",
            )


def _meant(name: str, names: Iterable[str]) -> str:
    close = nearest(name, names)
    return f"did you mean {close!r}?" if close else ""


def _check_order(graph: Graph) -> None:
    if graph.waiting:
        raise WorkflowError(
            f"the steps {', '.join(map(repr, graph.waiting))} wait for each other, "
            "and can never be reached",
            "drop one of their needs",
            step=graph.waiting[0],
            field="needs",
        )


def _check_loops(workflow: Workflow, graph: Graph) -> None:
    for step in workflow.steps:
        if step.repeat is not None:
            _check_back_to(step, step.repeat, graph)
    taken: dict[str, str] = {}
    for last, within in graph.loops.items():
        for name in sorted(within):
            if name in taken:
                raise WorkflowError(
                    f"step {name!r} is in the loops of {taken[name]!r} and {last!r}",
                    "let a step be in one loop only, by another 'back_to'",
                    step=last,
                    field="repeat",
                )
            taken[name] = last
    for step in workflow.steps:
        ends = {taken.get(step.name), *step.needs}
        for need in step.needs:
            last = taken.get(need, need)
            if last not in ends:
                raise _error(
                    f"step {step.name!r} needs {need!r}, which is done again until "
                    f"{last!r} is good",
                    f"let it need {last!r} instead, or as well",
                    step,
                    "needs",
                )


def _check_back_to(step: Step, repeat: Repeat, graph: Graph) -> None:
    first = repeat.back_to
    if not first or graph.depends(step.name, first):
        return
    if first in graph:
        raise _error(
            f"step {step.name!r} goes back to {first!r}, on which it does not depend",
            f"let it need {first!r}, or a step that does",
            step,
            "repeat",
        )
    raise _error(
        f"step {step.name!r} goes back to {first!r}, which is no step",
        _meant(first, graph.above(step.name)) or "name a step that it depends on",
        step,
        "repeat",
    )


def _check_prompt(step: Step, names: Collection[str], sees: Collection[str]) -> None:
    for name in sorted(placeholders(step.prompt)):
        if name in names and name not in sees:
            raise _error(
                f"the prompt of step {step.name!r} has {{{name}}}, "
                "but the step does not need it",
                f"add {name!r} to its needs",
                step,
                "prompt",
            )


def _expressions(
    step: Step, graph: Graph, sees: frozenset[str]
) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield the expressions of a step: which it is, the text, and what it may see."""
    if step.when:
        yield "when", step.when, _ALWAYS | sees
    if step.for_each:
        yield "for_each", step.for_each, _ALWAYS | sees
    if step.repeat is not None:
        within = graph.loops[step.name]
        yield "until", step.repeat.until, _ALWAYS | sees | within | {"output"}
