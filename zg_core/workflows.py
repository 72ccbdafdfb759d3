"""A workflow: steps and their needs, as data that is well formed or not made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from ._names import is_name, nearest
from ._prompts import placeholders
from .errors import WorkflowError
from .usage import Limits

__all__ = ["OnError", "RunOptions", "Step", "Workflow"]

OnError: TypeAlias = Literal["fail", "skip", "fallback"]
RESERVED = frozenset({"input", "objective"})


@dataclass(frozen=True, slots=True)
class Step:
    """One agent's part in a workflow.

    Attributes:
        name: What other steps and the journal call it.
        agent: The agent that does it, by short or qualified name.
        needs: Steps that must have ended before.
        prompt: What the agent is asked. ``{input}`` is the run's objective and
            ``{name}`` the output of the needed step of that name; no other
            braces mean anything. Empty: the objective and all needed outputs.
        model: The model of this step, where it is not the run's.
        on_error: What a failure means: the run fails (``fail``), goes on without
            this step (``skip``), or goes on with a reply that says what is
            missing, marked degraded (``fallback``).
        timeout_seconds: The longest it may take.
    """

    name: str
    agent: str = field(kw_only=True)
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    prompt: str = field(default="", kw_only=True)
    model: str | None = field(default=None, kw_only=True)
    on_error: OnError = field(default="fail", kw_only=True)
    timeout_seconds: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not is_name(self.name) or self.name in RESERVED:
            raise WorkflowError(
                f"a step cannot be called {self.name!r}",
                "use a lower-case letter, then letters, digits, '-' and '_'; "
                f"{' and '.join(sorted(RESERVED))} are taken",
            )
        if self.timeout_seconds is not None and not self.timeout_seconds > 0:
            raise WorkflowError(
                f"step {self.name!r} has a time limit of {self.timeout_seconds!r} s",
                "give more than zero, or none",
            )


@dataclass(frozen=True, slots=True)
class Workflow:
    """Steps and their needs.

    Attributes:
        name: What it is called.
        steps: The steps; those whose needs have ended run at once.
        description: One sentence for people.
        routed: Whether the objective is classified first and only the agents
            of its category take part.

    Raises:
        WorkflowError: If two steps share a name, a need names no step, a prompt
            mentions a step it does not need, or steps wait for each other.
    """

    name: str
    steps: tuple[Step, ...]
    description: str = field(default="", kw_only=True)
    routed: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise WorkflowError(
                f"a workflow cannot be called {self.name!r}",
                "use a lower-case letter, then letters, digits, '-' and '_'",
            )
        if not self.steps:
            raise WorkflowError(f"workflow {self.name!r} has no steps", "add one")
        names = [step.name for step in self.steps]
        for name in names:
            if names.count(name) > 1:
                raise WorkflowError(
                    f"workflow {self.name!r} has two steps called {name!r}",
                    "rename one",
                )
        for step in self.steps:
            self._check_needs(step, names)
        self._check_order()

    def _check_needs(self, step: Step, names: list[str]) -> None:
        for need in step.needs:
            if need not in names:
                close = nearest(need, names)
                raise WorkflowError(
                    f"step {step.name!r} needs {need!r}, which is no step",
                    f"did you mean {close!r}?" if close else "add it, or drop the need",
                )
        for name in placeholders(step.prompt) & set(names):
            if name not in step.needs:
                raise WorkflowError(
                    f"the prompt of step {step.name!r} has {{{name}}}, "
                    "but the step does not need it",
                    f"add {name!r} to its needs",
                )

    def _check_order(self) -> None:
        waiting = {step.name: set(step.needs) for step in self.steps}
        while free := [name for name, needs in waiting.items() if not needs]:
            for name in free:
                del waiting[name]
            for needs in waiting.values():
                needs.difference_update(free)
        if waiting:
            raise WorkflowError(
                f"the steps {', '.join(map(repr, waiting))} wait for each other",
                "drop one of their needs",
            )

    def step(self, name: str) -> Step:
        """Return the step called *name*."""
        return next(step for step in self.steps if step.name == name)

    def last(self) -> tuple[Step, ...]:
        """Return the steps that no other needs."""
        needed = {need for step in self.steps for need in step.needs}
        return tuple(step for step in self.steps if step.name not in needed)

    def only(self, agents: Iterable[str], names: Mapping[str, str]) -> Workflow:
        """Return the same workflow with these agents' steps alone.

        A step left out passes its needs on to those that needed it. An agent
        that had no step gets one: after the first steps, before the last.

        Args:
            agents: Qualified names.
            names: The qualified name of each step's agent, by step.
        """
        wanted = list(agents)
        kept = {s.name: s for s in self.steps if names[s.name] in wanted}
        steps = [_over_gaps(self, s, kept) for s in self.steps if s.name in kept]
        extra = [a for a in wanted if a not in names.values()]
        first = tuple(s.name for s in steps if not s.needs)
        last = {s.name for s in steps if s.needs} - {n for s in steps for n in s.needs}
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
        return replace(self, steps=(*steps, *added))


def _over_gaps(workflow: Workflow, step: Step, kept: Mapping[str, Step]) -> Step:
    needs: list[str] = []
    waiting = list(step.needs)
    while waiting:
        name = waiting.pop(0)
        if name in kept:
            needs.append(name)
        else:
            waiting[:0] = workflow.step(name).needs
    return replace(step, needs=tuple(dict.fromkeys(needs)))


def _free_name(agent: str, steps: Iterable[Step]) -> str:
    taken = {step.name for step in steps}
    name = agent.rpartition(":")[2]
    while name in taken or name in RESERVED:
        name += "-2"
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How one run is to be done; with the workflow and objective, all it depends on.

    Attributes:
        model: The models to try, in order: ``"anthropic:… , local:…"``.
        agents: The only agents a routed workflow may choose from; empty is all.
        limits: The most the run may spend.
        out: The folder its files go to; the engine chooses one if it is `None`.
        follows: The run whose results this one goes on from.
    """

    model: str | None = None
    agents: tuple[str, ...] = ()
    limits: Limits = Limits()
    out: str | None = None
    follows: str | None = None
