"""Classify objectives outside of runs: in one that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import replace

from .._memory_journal import MemoryJournal
from .._names import new_run_id
from .._objectives import check_objective
from .._prices import price_table_version
from .._secrets import Secrets
from .._step_paths import ROUTE
from ..classifiers import Label
from ..config import Config
from ..drills import Drill
from ..events import RouteChosen, RunAccepted
from ..plugins import PluginHost
from ..results import RunResult, result_of
from ..workflows import RunOptions, Step, Workflow
from .context import asks_in_context
from .guarding import guards
from .pausing import Gate
from .recorder import Recorder, timestamp
from .routing import answer, choice, route
from .run import scope_of, time_limit
from .scope import RunScope
from .setup import Setup
from .traffic import Traffic

__all__ = ["Classifying", "classifying"]


class Classifying:
    """Asks classifiers, one question at a time, within the limits of one run."""

    def __init__(self, scope: RunScope) -> None:
        self._scope = scope

    def named(self, classifier: str) -> str:
        """Return the qualified name of a classifier.

        Raises:
            UnknownNameError: If there is none.
        """
        return self._scope.host.find("classifier", classifier).qualified

    def asks_models(self, classifier: str) -> bool:
        """Tell whether a classifier is one that may ask models."""
        return asks_in_context(self._scope.host, classifier)

    async def route(
        self, objective: str, *, agents: tuple[str, ...] = ()
    ) -> RouteChosen:
        """Say which agents a routed workflow would choose, and why.

        Args:
            objective: What is to be made.
            agents: The only agents to choose from; empty is all.

        Raises:
            InputError: If it cannot be worked on.
            RunError: If the classifier fails.
        """
        check_objective(objective)
        return await route(self._scope, objective, agents=agents)

    async def label(self, classifier: str, objective: str) -> Label | None:
        """Say what an objective is; `None` if the classifier abstains.

        Args:
            classifier: Qualified name of the classifier.
            objective: What is to be made.

        Raises:
            InputError: If it cannot be worked on.
            RunError: If the classifier fails.
        """
        check_objective(objective)
        return await answer(self._scope, classifier, objective)

    def choice(self, classifier: str, said: Label | None) -> RouteChosen:
        """Say which agents a run would choose after what a classifier said."""
        return choice(self._scope, classifier, said, agents=())

    @property
    def result(self) -> RunResult:
        """What it cost, as the result of a run without steps."""
        result = result_of(self._scope.recorder.state)
        if not result.cost_usd:
            return result
        stated = {name: dict(p) for name, p in self._scope.config.prices.items()}
        return replace(result, prices=price_table_version(), stated_prices=stated)


@asynccontextmanager
async def classifying(
    config: Config,
    host: PluginHost,
    traffic: Traffic,
    secrets: Secrets,
    model: str | None,
    drill: Drill | None,
) -> AsyncGenerator[Classifying, None]:
    """Open what asks classifiers, and let it take as long as a run may.

    Args:
        config: Names the usual classifier, each category's agents, and the limits.
        host: Where they are found.
        traffic: The ways to the models.
        secrets: What must not be recorded, even in passing.
        model: The models to try, in order; `None` is what a run would try.
        drill: What is to go wrong with the calls, on purpose.

    Raises:
        LimitError: If it takes longer.
    """
    with tempfile.TemporaryDirectory() as folder:
        journal = MemoryJournal()
        accepted = RunAccepted(
            seq=1,
            at=timestamp(),
            run_id=new_run_id(),
            objective="",
            workflow=_NOTHING,
            options=RunOptions(model=model, out=folder, limits=config.limits),
        )
        await journal.create(accepted)
        epoch = await journal.claim(accepted.run_id)
        pen = Recorder(
            journal,
            accepted.run_id,
            epoch,
            (accepted,),
            secrets=secrets,
            listener=None,
        )
        enabled = guards(config, host)
        gate = Gate(lambda: pen.state)
        setup = Setup(config=config, host=host, traffic=traffic, drill=drill)
        scope = scope_of(pen, (accepted,), setup, gate, enabled)
        with closing(gate), time_limit(config.limits.seconds, scope.gate):
            yield Classifying(scope)


_NOTHING = Workflow(ROUTE, (Step("none", agent="none"),), routed=True)
