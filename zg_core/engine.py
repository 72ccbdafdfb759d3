"""The engine: open, accept, run, stream, resume, cancel."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import anyio

from ._machine import RunState, fold
from ._secrets import Secrets
from .config import Config, load_config, named_by
from .errors import InputError, RunBusyError, RunNotFoundError
from .events import CancelRequested, Event, RouteChosen, RunAccepted, RunCancelled
from .exporters import Exporter
from .journals import Journal
from .plugins import PluginHost
from .results import RunResult, result_of
from .running.accepting import accept, check_objective, named_workflow
from .running.exporting import Exporting
from .running.journal_address import open_journal
from .running.observing import Observing
from .running.pump import pumped
from .running.recorder import Listener, Recorder, TextDelta
from .running.routing import route
from .running.run import DONE, do_run
from .workflows import RunOptions, Workflow

__all__ = ["Engine"]


class Engine:
    """Runs workflows, and owns everything that is needed for it.

    Attributes:
        config: What it was opened with.
        host: The plugins it found.
        journal: Where its runs are kept.
    """

    def __init__(
        self, config: Config, host: PluginHost, journal: Journal, secrets: Secrets
    ) -> None:
        self.config = config
        self.host = host
        self.journal = journal
        self._secrets = secrets
        self._exporting = Exporting(config, host)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *plugins: object,
        config: Config | None = None,
        journal: Journal | str | None = None,
        discover: bool | Collection[str] = True,
        secrets: Secrets | None = None,
    ) -> AsyncGenerator[Engine, None]:
        """Open an engine; what it opened is closed with it.

        Args:
            *plugins: Modules or objects with hooks, beside the installed plugins.
            config: The configuration; by default environment and files decide.
            journal: A journal, which stays open, or an address as in the
                configuration: ``"sqlite:///runs.db"``, ``"memory"``.
            discover: Whether installed plugins are looked for at all; or what those
                are called, beside the built-in one, that alone are.
            secrets: Where to put the secrets that plugins ask for, to be kept out
                of whatever else the caller prints.

        Raises:
            ConfigError: If the configuration cannot be used.
            JournalError: If the journal cannot be opened.
        """
        config = config or load_config()
        secrets = secrets or Secrets.of_process()
        host = PluginHost.open(
            config, *plugins, discover=discover, on_secret=secrets.add
        )
        async with AsyncExitStack() as opened:
            opened.push_async_callback(_shielded, host.close)
            if not isinstance(journal, Journal):
                journal = _journal(journal, config, host)
                opened.push_async_callback(_shielded, journal.close)
            engine = cls(config, host, journal, secrets)
            opened.push_async_callback(_shielded, engine._exporting.close)
            yield engine

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
    ) -> str:
        """Make a run that any engine on this journal can do, and return its id.

        Args:
            workflow: The workflow, or its name.
            objective: What is to be made, in plain words.
            options: How it is to be done.
            run_id: The run's id; by default a new one.
            files: Files the agents may read, by name.

        Raises:
            InputError: If it cannot be worked on, the id is taken, or the folder
                for its files cannot be used.
            UnknownNameError: If there is no such workflow, agent or provider.
        """
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
        )

    async def run(
        self,
        workflow: Workflow | str,
        objective: str,
        *,
        options: RunOptions = RunOptions(),
        run_id: str | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> RunResult:
        """Do a run and return its result.

        With the *run_id* of a run that was cut off it goes on where the journal
        ends; with that of a finished one it returns what was done.

        Raises:
            RunError: If it fails; `RunCancelledError` if somebody stops it.
            RunBusyError: If another engine is doing it.
            InputError: As `accept`, and if *run_id* is another objective's.
        """
        run_id = await self._known_or_accepted(
            workflow, objective, options=options, run_id=run_id, files=files
        )
        return await self.resume(run_id)

    async def stream(
        self,
        workflow: Workflow | str,
        objective: str,
        *,
        options: RunOptions = RunOptions(),
        run_id: str | None = None,
        files: Mapping[str, bytes] | None = None,
        deltas: bool = False,
    ) -> AsyncGenerator[Event | TextDelta, None]:
        """Do a run like `run`, and yield its events as they are recorded.

        Args:
            workflow: The workflow, or its name.
            objective: What is to be made, in plain words.
            options: How it is to be done.
            run_id: The run's id; by default a new one.
            files: Files the agents may read, by name.
            deltas: Whether to yield pieces of answers too, as they come.
        """
        run_id = await self._known_or_accepted(
            workflow, objective, options=options, run_id=run_id, files=files
        )
        async with aclosing(self.stream_run(run_id, deltas=deltas)) as items:
            async for item in items:
                yield item

    async def resume(self, run_id: str) -> RunResult:
        """Do what is left of a run; see `run`.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        return result_of(await self._drive(run_id, None))

    async def stream_run(
        self, run_id: str, *, deltas: bool = False
    ) -> AsyncGenerator[Event | TextDelta, None]:
        """Do what is left of a run, and yield its events as they are recorded.

        The first are those that were recorded before. Closing the generator
        stops the run, which can be resumed.
        """

        async def work(emit: Callable[[Event | TextDelta], None]) -> None:
            listener = Listener(emit, deltas=deltas)
            await self._drive(run_id, listener)

        async with aclosing(pumped(work)) as items:
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
        """
        check_objective(objective)
        return await route(objective, config=self.config, host=self.host, agents=agents)

    async def cancel(self, run_id: str, reason: str = "") -> None:
        """Ask for a run to be stopped, whoever does it; a no-op if it has ended.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        if fold(await self.journal.read(run_id)).ended_at:
            return
        try:
            epoch = await self.journal.claim(run_id)
        except RunBusyError:
            await self.journal.request(run_id, CancelRequested(reason=reason))
            return
        async with self._owned(run_id, epoch, None) as (recorder, _):
            if not recorder.state.ended_at:
                await recorder.record(CancelRequested(reason=reason))
                await recorder.record(RunCancelled(reason=reason))

    # -- Doing one -------------------------------------------------------------------

    async def _known_or_accepted(
        self,
        workflow: Workflow | str,
        objective: str,
        *,
        options: RunOptions,
        run_id: str | None,
        files: Mapping[str, bytes] | None,
    ) -> str:
        known = await self._accepted(run_id) if run_id is not None else None
        if known is None:
            return await self.accept(
                workflow, objective, options=options, run_id=run_id, files=files
            )
        name = named_workflow(workflow, self.host).name
        asked = self._secrets.redact(objective)
        if (known.objective, known.workflow.name) != (asked, name):
            raise InputError(
                f"run {run_id!r} has another objective or workflow",
                "give the new run an id of its own",
            )
        return known.run_id

    async def _accepted(self, run_id: str) -> RunAccepted | None:
        try:
            return fold(await self.journal.read(run_id)).accepted
        except RunNotFoundError:
            return None

    async def _drive(self, run_id: str, listener: Listener | None) -> RunState:
        """Take a run over and do what is left of it."""
        events = await self.journal.read(run_id)
        state = fold(events)
        if state.status in DONE:
            if listener:
                listener.tell_all(events)
            return state
        epoch = await self.journal.claim(run_id)
        async with self._owned(run_id, epoch, listener) as (recorder, events):
            if listener:
                listener.tell_all(events)
            await do_run(
                recorder, events, epoch=epoch, config=self.config, host=self.host
            )
            return recorder.state

    @asynccontextmanager
    async def _owned(
        self, run_id: str, epoch: int, listener: Listener | None
    ) -> AsyncGenerator[tuple[Recorder, list[Event]], None]:
        """Hold a claimed run: its pen, and its events until now."""
        observing: Observing | None = None
        try:
            events = await self.journal.read(run_id)
            watchers: list[Callable[[Event], None]] = []
            if self.config.observers_enabled:
                observing = Observing(self.config, self.host, events)
                watchers.append(observing.emit)
            if self._exporting.begin():
                self._exporting.emit(events[0])  # what all others are about
                watchers.append(self._exporting.emit)
            recorder = Recorder(
                self.journal,
                run_id,
                epoch,
                events,
                secrets=self._secrets,
                listener=listener,
                watchers=watchers,
            )
            yield recorder, events
        finally:
            with anyio.CancelScope(shield=True):
                if observing:
                    await observing.close()
                await self.journal.release(run_id, epoch)


def _journal(address: str | None, config: Config, host: PluginHost) -> Journal:
    if address is not None:
        return open_journal(address, host)
    with named_by(config, "journal"):
        return open_journal(config.journal, host)


async def _shielded(close: Callable[[], Awaitable[None]]) -> None:
    with anyio.CancelScope(shield=True):
        await close()
