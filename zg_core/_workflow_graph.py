"""How the steps of a workflow depend on each other; of a thousand it is known at once.

Sets of steps are whole numbers here, with a bit for each step: so all that a step
depends on, directly or not, costs one operation for each of its needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .workflows import Step

__all__ = ["Graph", "Graphed", "graph_of", "loops"]


class Graph:
    """The needs of steps, and their loops.

    Args:
        steps: The steps; each need must name one.

    Attributes:
        waiting: The steps that wait for each other, and those that wait for them; of
            such steps there is nothing else to be known.
        loops: The steps of each loop, by the step that ends it.
    """

    __slots__ = ("_above", "_below", "_ends", "_names", "loops", "waiting")

    def __init__(self, steps: Iterable[Step]) -> None:
        steps = tuple(steps)
        needs = {step.name: step.needs for step in steps}
        order = _in_order(needs)
        self._names = tuple(needs)
        bits = {name: 1 << place for place, name in enumerate(needs)}
        self._above = dict(bits)
        self._below = dict(bits)
        for name in order:
            for need in needs[name]:
                self._above[name] |= self._above[need]
        for name in reversed(order):
            for need in needs[name]:
                self._below[need] |= self._below[name]
        done = frozenset(order)
        self.waiting = tuple(name for name in needs if name not in done)
        self.loops: Mapping[str, frozenset[str]] = {
            step.name: self._between(step.repeat.back_to or step.name, step.name)
            for step in steps
            if step.repeat is not None
        }
        self._ends: dict[str, str] = {}
        for end, within in self.loops.items():
            for name in within:
                self._ends.setdefault(name, end)

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a step of that name."""
        return name in self._above

    def depends(self, name: str, other: str) -> bool:
        """Tell whether a step is done only after another one, or is that one."""
        return other in self and bool(self._above[name] & self._below[other])

    def above(self, name: str) -> frozenset[str]:
        """Return a step and all that it depends on."""
        return frozenset(self._of(self._above[name]))

    def end_of(self, name: str) -> str | None:
        """Return the step that ends the loop that a step is in; `None` if in none."""
        return self._ends.get(name)

    def before(self, name: str) -> frozenset[str]:
        """Return the steps whose output one sees from the round before.

        They are itself, and those of its loop that are done on its result; in the
        first round there is none.
        """
        end = self.end_of(name)
        return frozenset() if end is None else self._between(name, end)

    def _between(self, first: str, last: str) -> frozenset[str]:
        """Return two steps and all that depend on the one and that the other needs."""
        return frozenset(self._of(self._below.get(first, 0) & self._above[last]))

    def _of(self, bits: int) -> Iterator[str]:
        while bits:
            lowest = bits & -bits
            yield self._names[lowest.bit_length() - 1]
            bits ^= lowest


def _in_order(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return names so that each comes after its needs; without those in a circle."""
    sorter, order = TopologicalSorter(needs), list[str]()
    with suppress(CycleError):  # it goes on up to there
        sorter.prepare()
    while free := sorter.get_ready():
        order += free
        sorter.done(*free)
    return order


def loops(steps: Iterable[Step]) -> Mapping[str, frozenset[str]]:
    """Return the steps of each loop, by the step that ends it.

    A loop is the step that has `repeat`, the one it goes back to, and all between.
    """
    return Graph(steps).loops


class Graphed:
    """What has steps and keeps their graph, which is no part of its value."""

    __slots__ = ("_graph",)

    steps: tuple[Step, ...]
    _graph: Graph


def graph_of(workflow: Graphed) -> Graph:
    """Return the graph of a workflow's steps; it is drawn once."""
    try:
        return workflow._graph
    except AttributeError:
        object.__setattr__(workflow, "_graph", Graph(workflow.steps))
    return workflow._graph
