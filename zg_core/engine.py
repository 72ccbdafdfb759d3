"""The engine: open, accept, run, stream, resume.

One file, since it is all that one object offers to programs, but for what its two
bases add: to decide for people, and to steer.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

import anyio

from ._machine import fold
from ._secrets import Secrets
from .config import Config, load_config, named_by
from .drills import Drill
from .errors import InputError, RunNotFoundError
from .events import Event, RouteChosen, RunAccepted
from .exporters import Exporter
from .journals import Journal
from .messages import Message
from .plugins import PluginHost
from .recordings import Recording
from .results import RunResult, result_of
from .running.accepting import accept
from .running.classifying import Classifying, classifying
from .running.deciding import Deciding
from .running.driving import Driving, Going
from .running.exporting import Exporting
from .running.injecting import check_names
from .running.journal_address import open_journal
from .running.known_runs import check_same
from .running.pump import pumped
from .running.recorder import Listener, TextDelta
from .running.steering import Steering
from .running.tape import Tape
from .running.traffic import Traffic
from .stewards import Steward
from .usage import Limits
from .workflows import RunOptions, Workflow

__all__ = ["Engine"]


class Engine(Steering, Deciding):
    """Runs workflows, and owns everything that is needed for it.

    Attributes:
        config: What it was opened with.
        host: The plugins it found.
        journal: Where its runs are kept.
    """

    def __init__(
        self,
        config: Config,
        host: PluginHost,
        journal: Journal,
        secrets: Secrets,
        drill: Drill | None = None,
    ) -> None:
        self.config = config
        self.host = host
        self.journal = journal
        self._secrets = secrets
        self._exporting = Exporting(config, host)
        self._driving = Driving(
            config=config,
            host=host,
            journal=journal,
            secrets=secrets,
            exporting=self._exporting,
            traffic=Traffic(config.concurrency),
            drill=drill,
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *plugins: object,
        config: Config | None = None,
        journal: Journal | str | None = None,
        discover: bool | Collection[str] = True,
        secrets: Secrets | None = None,
        drill: Drill | None = None,
    ) -> AsyncGenerator[Engine, None]:
        """Open an engine; what it opened is closed with it.

        Args:
            *plugins: Modules or objects with hooks, beside the installed plugins.
            config: The configuration; by default environment and files decide.
            journal: A journal, which stays open, or an address as in the
                configuration: ``"sqlite:///runs.db"``,
                ``"postgresql://user@host/database"``, ``"memory"``.
            discover: Whether installed plugins are looked for at all; or the names
                of the only ones that are, beside the built-in one.
            secrets: Where to put the secrets that plugins ask for, to be kept out
                of whatever else the caller prints.
            drill: What is to go wrong with the calls of its runs, on purpose.

        Raises:
            ConfigError: If the configuration cannot be used.
            JournalError: If the journal cannot be opened.
            UnknownNameError: If the drill names a provider that nobody offers.
        """
        config = config or load_config()
        secrets = secrets or Secrets.of_process()
        host = PluginHost.open(
            config, *plugins, discover=discover, on_secret=secrets.add
        )
        async with AsyncExitStack() as opened:
            opened.push_async_callback(_shielded, host.close)
            if drill:
                check_names(drill, host)
            if not isinstance(journal, Journal):
                journal = _journal(journal, config, host)
                opened.push_async_callback(_shielded, journal.close)
            engine = cls(config, host, journal, secrets, drill)
            opened.push_async_callback(_shielded, engine._exporting.close)
            yield engine

    @property
    def traffic(self) -> Traffic:
        """How its calls fare: which are under way, which models are not asked now.

        Another one, with a clock of its own say, counts for the runs that begin then.
        """
        return self._driving.traffic

    @traffic.setter
    def traffic(self, traffic: Traffic) -> None:
        self._driving.traffic = traffic

    def exporter(self, name: str) -> Exporter:
        """Return an exporter, which gets the events of all runs from now on.

        Those that are enabled are made by the first run. The engine closes it.

        Raises:
            UnknownNameError: If no plugin offers one of that name.
            PluginError: If it cannot be made.
        """
        return self._exporting.exporter(name)

    # -- Runs ------------------------------------------------------------------------

    async def accept(
        self,
        workflow: Workflow | str,
        objective: str,
        *,
        options: RunOptions = RunOptions(),
        run_id: str | None = None,
        files: Mapping[str, bytes] | None = None,
        history: Sequence[Message] = (),
        replay: Recording | None = None,
    ) -> str:
        """Make a run that any engine on this journal can do, and return its id.

        Args:
            workflow: The workflow, or its name.
            objective: What is to be made, in plain words.
            options: How it is to be done.
            run_id: The run's id; by default a new one.
            files: Files the agents may read, by name.
            history: What was said before, where no run of ours has said it; after
                what *options* continue, if they do.
            replay: A recorded run whose files it begins with, if none are given;
                to be given to `resume` or `stream_run` too.

        Raises:
            InputError: If it cannot be worked on, the id is taken, or the folder
                for its files cannot be used.
            UnknownNameError: If there is no such workflow, agent or provider.
        """
        accepted = await self._accept(
            workflow, objective, options, run_id, files, _tape(replay), history
        )
        return accepted.run_id

    async def run(
        self,
        workflow: Workflow | str,
        objective: str,
        *,
        options: RunOptions = RunOptions(),
        run_id: str | None = None,
        files: Mapping[str, bytes] | None = None,
        replay: Recording | None = None,
    ) -> RunResult:
        """Do a run and return its result.

        With the *run_id* of a run that was cut off it goes on where the journal
        ends; with that of a finished one it returns what was done.

        Args:
            workflow: The workflow, or its name.
            objective: What is to be made, in plain words.
            options: How it is to be done.
            run_id: The run's id; by default a new one.
            files: Files the agents may read, by name.
            replay: A recorded run, whose answers are given to equal calls, at no
                cost; no model and no tool is called.

        Raises:
            RunError: If it fails; `RunCancelledError` if somebody stops it,
                `RunPausedError` if it waits for a person or is put aside.
            RunBusyError: If another engine is doing it.
            InputError: As `accept`, and if the run of that id was begun with anything
                else: another objective, workflow, option or file.
            ReplayMismatchError: If it asks what the recorded run did not.
        """
        tape = _tape(replay)
        run_id, accepted = await self._known_or_accepted(
            workflow, objective, options, run_id, files, tape
        )
        going = Going(tape=tape)
        return result_of(await self._driving.drive(run_id, going, accepted=accepted))

    async def stream(
        self,
        workflow: Workflow | str,
        objective: str,
        *,
        options: RunOptions = RunOptions(),
        run_id: str | None = None,
        files: Mapping[str, bytes] | None = None,
        deltas: bool = False,
        replay: Recording | None = None,
    ) -> AsyncGenerator[Event | TextDelta, None]:
        """Do a run like `run`, and yield its events as they are recorded.

        Args:
            workflow: The workflow, or its name.
            objective: What is to be made, in plain words.
            options: How it is to be done.
            run_id: The run's id; by default a new one.
            files: Files the agents may read, by name.
            deltas: Whether to yield pieces of answers too, as they come.
            replay: A recorded run whose answers are given; see `run`.
        """
        tape = _tape(replay)
        run_id, accepted = await self._known_or_accepted(
            workflow, objective, options, run_id, files, tape
        )
        items = self._driven(run_id, Going(tape=tape), deltas, accepted)
        async with aclosing(items):
            async for item in items:
                yield item

    async def resume(
        self,
        run_id: str,
        *,
        limits: Limits = Limits(),
        step_limits: Mapping[str, Limits] | None = None,
        replay: Recording | None = None,
        out: str | None = None,
    ) -> RunResult:
        """Do what is left of a run; see `run`.

        Args:
            run_id: The run.
            limits: The most it may spend from now on, what it spent before
                included; what is `None` stays as it was.
            step_limits: The same for steps, by name.
            replay: A recorded run whose answers are given; see `run`. Without it,
                a run that began with one goes on for real.
            out: The folder of its files, if they were moved there since.

        Raises:
            RunNotFoundError: If there is no such run.
            UnknownNameError: If it has no step of such a name.
            InputError: If its files are not in the folder as it left them.
        """
        going = Going(
            limits=limits,
            step_limits=step_limits or {},
            tape=_tape(replay),
            out=out,
        )
        return result_of(await self._driving.drive(run_id, going))

    async def stream_run(
        self,
        run_id: str,
        *,
        deltas: bool = False,
        limits: Limits = Limits(),
        step_limits: Mapping[str, Limits] | None = None,
        replay: Recording | None = None,
        attended: bool = False,
        out: str | None = None,
        steward: Steward | None = None,
    ) -> AsyncGenerator[Event | TextDelta, None]:
        """Do what is left of a run, and yield its events as they are recorded.

        The first are those that were recorded before. Closing the generator
        stops the run, which can be resumed. If it is attended somebody answers its
        questions (`pending`, `approve`, `reject`, `answer`), so that it waits for
        them rather than be paused. A steward is asked before each call that costs
        something, beside the run's own limits. For the other arguments see `resume`.
        """
        going = Going(
            limits=limits,
            step_limits=step_limits or {},
            tape=_tape(replay),
            attended=attended,
            out=out,
            steward=steward,
        )
        async with aclosing(self._driven(run_id, going, deltas)) as items:
            async for item in items:
                yield item

    async def result(self, run_id: str) -> RunResult:
        """Return what a run gave until now, from the journal alone.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        return result_of(fold(await self.journal.read(run_id)))

    async def route(
        self, objective: str, *, agents: tuple[str, ...] = ()
    ) -> RouteChosen:
        """Say which agents a routed workflow would choose, and why; nothing is run.

        Args:
            objective: What is to be made.
            agents: The only agents to choose from; empty is all.

        Raises:
            InputError: If the objective is empty, or cannot be worked on.
            RunError: If the classifier fails; a `LimitError` if a limit of a run does
                not allow what it asks.
            UnknownNameError: If there is no such agent or classifier.
        """
        async with self.classifying() as asked:
            return await asked.route(objective, agents=agents)

    @asynccontextmanager
    async def classifying(
        self, *, model: str | None = None
    ) -> AsyncGenerator[Classifying, None]:
        """Classify objectives that no run is done for.

        What that costs is bounded by the configured limits of a run, all of it
        together; nothing is recorded in the journal.

        Args:
            model: The models that classifiers ask, where they ask any.
        """
        config, host, drill = self.config, self.host, self._driving.drill
        async with classifying(
            config, host, self.traffic, self._secrets, model, drill
        ) as asked:
            yield asked

    # -- Doing one -------------------------------------------------------------------

    async def _driven(
        self,
        run_id: str,
        going: Going,
        deltas: bool,
        accepted: RunAccepted | None = None,
    ) -> AsyncGenerator[Event | TextDelta, None]:
        """Do what is left of a run, and yield what happens."""

        async def work(emit: Callable[[Event | TextDelta], None]) -> None:
            heard = replace(going, listener=Listener(emit, deltas=deltas))
            await self._driving.drive(run_id, heard, accepted=accepted)

        async with aclosing(pumped(work)) as items:
            async for item in items:
                yield item

    async def _accept(
        self,
        workflow: Workflow | str,
        objective: str,
        options: RunOptions,
        run_id: str | None,
        files: Mapping[str, bytes] | None,
        tape: Tape | None,
        history: Sequence[Message] = (),
    ) -> RunAccepted:
        return await accept(
            workflow,
            objective,
            options=options,
            run_id=run_id,
            files=files or {},
            config=self.config,
            host=self.host,
            journal=self.journal,
            secrets=self._secrets,
            tape=tape,
            history=history,
        )

    async def _known_or_accepted(
        self,
        workflow: Workflow | str,
        objective: str,
        options: RunOptions,
        run_id: str | None,
        files: Mapping[str, bytes] | None,
        tape: Tape | None,
    ) -> tuple[str, RunAccepted | None]:
        """Return a run's id; and how it began, if that is just now."""
        known = await self._accepted(run_id)
        if known is None:
            try:
                accepted = await self._accept(
                    workflow, objective, options, run_id, files, tape
                )
            except InputError:
                known = await self._accepted(run_id)  # begun by another meanwhile?
                if known is None:
                    raise
            else:
                return accepted.run_id, accepted
        check_same(
            known,
            workflow,
            objective,
            options=options,
            files=files or {},
            tape=tape,
            config=self.config,
            host=self.host,
            secrets=self._secrets,
        )
        return known.run_id, None

    async def _accepted(self, run_id: str | None) -> RunAccepted | None:
        if run_id is None:
            return None
        try:
            return fold(await self.journal.read(run_id)).accepted
        except RunNotFoundError:
            return None


def _tape(replay: Recording | None) -> Tape | None:
    return None if replay is None else Tape(replay)


def _journal(address: str | None, config: Config, host: PluginHost) -> Journal:
    if address is not None:
        return open_journal(address, host)
    with named_by(config, "journal"):
        return open_journal(config.journal, host)


async def _shielded(close: Callable[[], Awaitable[None]]) -> None:
    with anyio.CancelScope(shield=True):
        await close()
