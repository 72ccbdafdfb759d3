"""A workflow: steps and their needs, as data that is well formed or not made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from ._json import JsonObject
from ._step_paths import ROUTE
from ._workflow_checks import LISTS, RESERVED, OnError, check_step, check_workflow
from ._workflow_graph import Graphed, graph_of, loops
from .usage import Limits

__all__ = ["Approve", "OnError", "Repeat", "RunOptions", "Step", "Workflow"]

Approve: TypeAlias = Literal["never", "risky", "always"]


def _is_none(value: object) -> bool:
    return value is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Do steps again until the result is good: one writes, another judges.

    The step that has this, the one it goes back to and all between are a loop. Steps
    outside it that need one of it need the step that has this as well, and a step is in
    one loop at most. If the step that has this is skipped, or fails and the run goes on
    without it, the loop has ended.

    Attributes:
        until: What must hold in the end, as a JMESPath expression (jmespath.org)
            over ``output``, which is this step's, ``round``, ``objective``, and by name
            the outputs of the steps that it needs or that are in its loop:
            ``"output.approved"``.
        back_to: The step with which a round begins; this one must depend on it. Empty
            is the step alone.
        rounds: How often at most, the first included: 2 to 20. After the last the run
            goes on with what there is, marked degraded.
    """

    until: str
    back_to: str = ""
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One agent's part in a workflow.

    Attributes:
        name: What other steps and the journal call it.
        agent: The agent that does it, by short or qualified name.
        needs: Steps that must have ended before.
        prompt: What the agent is asked. ``{input}`` is the run's objective and
            ``{name}`` the output of the needed step of that name. In a loop,
            ``{round}`` is the round, from 1, and ``{name}`` of the step itself, or of
            one of the loop that comes after it, is the output of the round before, and
            empty in the first. No other braces mean anything. Empty: the objective, all
            needed outputs, and those of the round before; for an item of `for_each` it
            is the item in the place of the outputs that `for_each` mentions.
        model: The model of this step, where it is not the run's.
        on_error: What a failure means: the run fails (``fail``), goes on without
            this step (``skip``), or goes on with a reply that says what is
            missing, marked degraded (``fallback``).
        timeout_seconds: The longest it may take, each round and each item anew.
        limits: The most it may spend, all rounds and items together, within what the
            run may; but its seconds hold for each round and each item anew, as
            `timeout_seconds` does, and the fewer of both.
        when: What must hold for it to be done, as a JMESPath expression
            (jmespath.org) over ``objective``, ``round``, and by name the outputs of the
            steps it needs, and in a loop those of the round before, as in prompts; what
            was skipped is ``null``. Otherwise it is skipped, and those that need it go
            on and see no output of it; a loop that it should have ended has ended.
        for_each: A list to do it for, item by item, as such an expression. The
            prompt knows ``{item}`` and ``{index}``, from 0; the output is the list of
            the outputs. An item that fails does not stop the others; after them
            `on_error` says what it means: with ``skip`` there is ``null`` in its place,
            with ``fallback`` the reply that says what is missing.
        max_items: How long that list may be: 1 to 1,000. A longer one is a failure.
        parallel: How many items may be under way at once: 1 to 100.
        repeat: Whether it, and steps before it, are done again.
        tools: The tools its agent may use, in the place of the agent's own; an empty
            tuple is none. Agents that it asks have their own.
        output_schema: JSON Schema that its output, or that of each item, must fit. A
            reply that does not is turned into what does by its model. What stands for a
            failed step need not fit.
        max_output_tokens: The most tokens that its agent's answer, or that for each
            item, may have; a longer text is cut. Agents that it asks have their own.
    """

    name: str
    agent: str = field(kw_only=True)
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    prompt: str = field(default="", kw_only=True)
    model: str | None = field(default=None, kw_only=True)
    on_error: OnError = field(default="fail", kw_only=True)
    timeout_seconds: float | None = field(default=None, kw_only=True)
    limits: Limits = field(default=Limits(), kw_only=True)
    when: str = field(default="", kw_only=True)
    for_each: str = field(default="", kw_only=True)
    max_items: int = field(default=LISTS["max_items"], kw_only=True)
    parallel: int = field(default=LISTS["parallel"], kw_only=True)
    repeat: Repeat | None = field(default=None, kw_only=True)
    tools: tuple[str, ...] | None = field(default=None, kw_only=True)
    output_schema: JsonObject | None = field(default=None, kw_only=True)
    # Where it is not said it is not recorded, as it was before there was such a thing.
    max_output_tokens: int | None = field(
        default=None, kw_only=True, metadata={"exclude_if": _is_none}
    )

    def __post_init__(self) -> None:
        check_step(self)


@dataclass(frozen=True, slots=True)
class Workflow(Graphed):
    """Steps and their needs.

    Attributes:
        name: What it is called.
        steps: The steps; those whose needs have ended run at once.
        description: One sentence for people.
        routed: Whether the objective is classified first and only the agents
            of its category take part.
        left_out: Names of steps that were taken out, and that the others may still
            mention: they see nothing of them.

    Raises:
        WorkflowError: If two steps share a name, a need names no step, a prompt or an
            expression mentions a step it does not need, an expression is none, steps
            wait for each other, or loops overlap or are left before their end.
    """

    name: str
    steps: tuple[Step, ...]
    description: str = field(default="", kw_only=True)
    routed: bool = field(default=False, kw_only=True)
    left_out: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        check_workflow(self)

    def step(self, name: str) -> Step:
        """Return the step called *name*."""
        return next(step for step in self.steps if step.name == name)

    def last(self) -> tuple[Step, ...]:
        """Return the steps that no other needs."""
        needed = {need for step in self.steps for need in step.needs}
        return tuple(step for step in self.steps if step.name not in needed)

    def only(self, agents: Iterable[str], names: Mapping[str, str]) -> Workflow:
        """Return the same workflow with these agents' steps alone.

        A step left out passes its needs on to those that needed it. A loop whose
        beginning is left out begins with what comes next in it; it is none any more
        if that is nothing, or several steps. An agent that had no step gets one:
        after the first steps, before the last.

        Args:
            agents: Qualified names.
            names: The qualified name of each step's agent, by step.
        """
        wanted = list(agents)
        kept = frozenset(s.name for s in self.steps if names[s.name] in wanted)
        steps, broken = _without_gaps(self, kept)
        extra = [a for a in wanted if a not in names.values()]
        last = {s.name for s in steps if s.needs} - {n for s in steps for n in s.needs}
        first = _ends(steps, last)
        added: list[Step] = []
        for agent in extra:
            name = _free_name(agent, (*steps, *added))
            added.append(Step(name, agent=agent, needs=first))
        steps = [
            replace(s, needs=(*s.needs, *(a.name for a in added)))
            if s.name in last
            else s
            for s in steps
        ]
        gone = (s.name for s in self.steps if s.name not in kept)
        return replace(
            self,
            steps=(*steps, *added),
            left_out=tuple(dict.fromkeys((*self.left_out, *gone, *broken))),
        )


def _without_gaps(
    workflow: Workflow, kept: frozenset[str]
) -> tuple[list[Step], tuple[str, ...]]:
    """Return the kept steps, and those whose loop is none any more."""
    steps = [_over_gaps(workflow, s, kept) for s in workflow.steps if s.name in kept]
    needs = {step.name: step.needs for step in steps}
    whole, broken = graph_of(workflow).loops, set[str]()
    for place, step in enumerate(steps):
        if step.repeat is None or step.repeat.back_to in {"", *kept}:
            continue
        within = whole[step.name] & kept
        heads = [name for name in within if not within & {*needs[name]}]
        alone = len(heads) > 1 or heads == [step.name]
        repeat = None if alone else replace(step.repeat, back_to=heads[0])
        broken |= within if alone else set()
        steps[place] = replace(step, repeat=repeat)
    for last, within in whole.items():
        broken |= within & kept if last not in kept else set()
    return steps, tuple(sorted(broken))


def _over_gaps(workflow: Workflow, step: Step, kept: frozenset[str]) -> Step:
    left_out = {s.name: s.needs for s in workflow.steps if s.name not in kept}
    needs: dict[str, None] = {}  # in their order
    waiting, seen = list(reversed(step.needs)), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in left_out:
            needs[name] = None
        elif name not in seen:
            seen.add(name)
            waiting += reversed(left_out[name])
    return replace(step, needs=tuple(needs))


def _ends(steps: Iterable[Step], last: Collection[str]) -> tuple[str, ...]:
    """Return what a step needs that comes after the first steps, but before the last.

    Of a first step that begins a loop it is the end of the loop.
    """
    steps = tuple(steps)
    end = {name: end for end, within in loops(steps).items() for name in within}
    first = (end.get(step.name, step.name) for step in steps if not step.needs)
    return tuple(dict.fromkeys(name for name in first if name not in last))


def _free_name(agent: str, steps: Iterable[Step]) -> str:
    taken = {step.name for step in steps}
    name = agent.rpartition(":")[2]
    while name in taken or name in RESERVED or name == ROUTE:
        name += "-2"
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How one run is to be done; with the workflow and objective, all it depends on.

    Attributes:
        model: The models to try, in order: ``"anthropic:… , local:…"``.
        agents: The only agents a routed workflow may choose from; empty is all.
        limits: The most the run may spend.
        step_limits: The most that steps may spend, by name; what their workflow and
            the configuration say of them holds as well.
        out: The folder its files go to; the engine chooses one if it is `None`.
        follows: The run whose results this one goes on from.
        continues: The run whose conversation this one goes on with.
        approve: Which tool calls a person is asked about: ``risky`` are those whose
            tool says that it needs approval, or that its risk is high or critical;
            ``always`` are these, and all that do more than look. With ``never``
            nobody is asked, and what would need approval is refused. `None` is as
            configured.
    """

    model: str | None = None
    agents: tuple[str, ...] = ()
    limits: Limits = Limits()
    step_limits: dict[str, Limits] = field(default_factory=dict)
    out: str | None = None
    follows: str | None = None
    continues: str | None = None
    approve: Approve | None = None
