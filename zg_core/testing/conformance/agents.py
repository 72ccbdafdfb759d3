"""What every agent must do: reply, stop when told to, and keep runs apart."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import ClassVar

import anyio
import pytest
from hypothesis import strategies as st

from ..._groups import ungrouped
from ...config import Config
from ...engine import Engine
from ...errors import InputError, ProviderRequestError, RunError, ZeroGravityError
from ...results import RunResult
from ...specs import AgentSpec
from ...workflows import RunOptions, Step, Workflow
from .._offline import MODEL, any_answer, told_apart
from .._scripted import Answer, ScriptedProvider
from .base import for_any, level
from .models import Echo, Silent, Wordy
from .plugins import PluginConformance, _source
from .timing import stops, within
from .watching import watched

__all__ = ["AgentConformance", "RunsWorkflow"]

_LETTERS = st.characters(exclude_categories=["Cs", "Cc"])


class RunsWorkflow(PluginConformance):
    """Standard tests of what a run can be made of.

    Attributes:
        objective: What it is asked for.
        answers: What the model answers, in order, where that matters.
        deterministic: Whether the same objective and answers give the same result.
        examples: How many objectives and answers are made up.
    """

    objective: ClassVar[str] = "Plan a garden: three beds, one path."
    answers: ClassVar[Sequence[Answer]] = ()
    deterministic: ClassVar[bool] = True
    examples: ClassVar[int] = 15

    def flow(self) -> Workflow:
        """Return what the runs of these tests do."""
        raise NotImplementedError

    def what(self) -> str:
        """Return what it is called in messages."""
        raise NotImplementedError

    def _model(self) -> ScriptedProvider:
        if self.answers:
            return ScriptedProvider(*self.answers)
        return ScriptedProvider(any_answer, repeat=True)

    async def _run(
        self, *objectives: str, model: ScriptedProvider | None = None
    ) -> list[RunResult]:
        """Do runs at once, in one engine."""
        objects, names = told_apart([self.plugin])
        sections = {_source(self.plugin).id: self.config} if self.config else {}
        results: dict[str, RunResult] = {}
        with tempfile.TemporaryDirectory() as place:
            async with Engine.open(
                *objects,
                model or self._model(),
                config=Config(plugins_config=sections, approve="never"),
                journal="memory",
                discover=names,
            ) as engine:

                async def run(objective: str) -> None:
                    results[objective] = await engine.run(
                        self.flow(),
                        objective,
                        options=RunOptions(
                            model=MODEL, out=f"{place}/{len(objective)}"
                        ),
                    )

                async with anyio.create_task_group() as group:
                    for objective in objectives:
                        group.start_soon(run, objective)
        return [results[objective] for objective in objectives]

    def _outcome(
        self, objective: str, model: ScriptedProvider | None = None
    ) -> RunResult | ZeroGravityError:
        """Return what a run gives, or the error of ours that it fails with."""

        async def run() -> RunResult | ZeroGravityError:
            try:
                with ungrouped():
                    return (await self._run(objective, model=model))[0]
            except ZeroGravityError as error:
                return error

        found = within(30.0, run, f"{self.what()} with a model that answers at once")
        if isinstance(found, ZeroGravityError):
            cause = found.__cause__
            if isinstance(found, RunError) and cause is not None:
                assert isinstance(cause, ZeroGravityError), (
                    f"{self.what()} raised {cause!r}, which is no ZeroGravityError"
                )
        return found

    @level(1)
    def test_it_comes_to_a_result(self) -> None:
        """A run with it is completed, with a model that does what it is asked."""
        found = self._outcome(self.objective)
        assert isinstance(found, RunResult), str(found)
        assert found.status == "completed"

    @level(1)
    def test_it_stops_when_the_run_is_cancelled(self) -> None:
        """Within a second, also while a model does not answer."""
        stops(lambda: self._run(self.objective, model=Silent()), self.what())

    @level(1)
    def test_two_runs_at_once_do_not_mix(self) -> None:
        """Each gives what it gives alone: one object serves any number of runs."""
        if not self.deterministic:
            pytest.skip("its results differ anyway")
        both = (self.objective, f"{self.objective} And a pond.")

        async def apart() -> list[RunResult]:
            return [(await self._run(one, model=Echo()))[0] for one in both]

        async def together() -> list[RunResult]:
            return await self._run(*both, model=Echo())

        alone = within(60.0, apart, self.what())
        at_once = within(60.0, together, self.what())
        for one, other in zip(alone, at_once, strict=True):
            assert one.output == other.output
            assert [a.sha256 for a in one.artifacts] == [
                a.sha256 for a in other.artifacts
            ]

    @level(1)
    def test_no_objective_breaks_it(self) -> None:
        """Whatever people ask for and models say, it raises our errors alone."""

        @for_any(
            st.text(_LETTERS, min_size=1, max_size=60),
            st.text(_LETTERS, max_size=60),
            examples=self.examples,
        )
        def law(objective: str, answer: str) -> None:
            found = self._outcome(objective, Wordy(answer))
            assert not isinstance(found, InputError) or not objective.strip()

        law()

    @level(1)
    def test_a_model_that_fails_does_not_break_it(self) -> None:
        """The error is passed on, or made up for."""
        self._outcome(
            self.objective,
            ScriptedProvider(ProviderRequestError("it says no"), repeat=True),
        )

    @level(1)
    def test_it_reaches_the_network_only_through_its_context(self) -> None:
        """What it does itself has no budget, no journal and no replay."""
        offers = self.record(self.host()).contributions
        if any("network" in getattr(o.spec, "capabilities", ()) for o in offers):
            pytest.skip("a tool of its plugin may reach it, which looks the same")
        with watched() as watch:
            self._outcome(self.objective)
        assert not watch.network


class AgentConformance(RunsWorkflow):
    """Standard tests of an agent, and of its plugin.

    ```python
    class TestForecaster(AgentConformance):
        plugin = "zg-weather"
        agent = "forecaster"
    ```

    Attributes:
        agent: Its short name.
    """

    agent: ClassVar[str]

    def flow(self) -> Workflow:
        """Return one with this agent alone."""
        name = f"{_source(self.plugin).id}:{self.agent}"
        return Workflow("solo", (Step("work", agent=name),))

    def what(self) -> str:
        """Return what it is called in messages."""
        return f"the agent {self.agent!r}"

    @level(1)
    def test_it_can_be_made(self) -> None:
        """Its factory makes an object with a `run` that takes a context."""
        self.make("agent", self.agent)

    @level(1)
    def test_its_tools_are_there(self) -> None:
        """A plugin brings the tools of its agents, or uses built-in ones."""
        host = self.host()
        spec = self.offer("agent", self.agent).spec
        assert isinstance(spec, AgentSpec)
        for tool in spec.tools:
            host.find("tool", tool, prefer=_source(self.plugin).id)

    @level(1)
    def test_it_says_what_it_is_for(self) -> None:
        """People and routers choose by its description."""
        assert self.offer("agent", self.agent).spec.description
