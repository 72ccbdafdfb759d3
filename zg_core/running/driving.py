"""Do runs: take one over, do what is left of it, and let it go."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from .._machine import RunState, fold
from .._secrets import Secrets
from ..config import Config
from ..drills import Drill
from ..errors import RunBusyError
from ..events import Event, Requested, RunAccepted
from ..journals import Journal
from ..plugins import PluginHost
from ..stewards import Steward
from ..usage import Limits
from .exporting import Exporting
from .forking import check_whole
from .limiting import changed_limits
from .moving import check_folder
from .observing import Observing
from .recorder import Listener, Recorder
from .run import DONE, do_run
from .setup import Setup
from .tape import Tape
from .traffic import Traffic

__all__ = ["Driving", "Going"]

_MOMENT = 1.0
"""Seconds for which somebody may own a run without doing it."""
_PAUSE = 0.02
"""Seconds between two tries to own it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """How a run is to go on.

    Attributes:
        listener: Who wants to know what happens.
        limits: The most it may spend from now on, where that is to change.
        step_limits: The same for steps, by name.
        tape: Recorded answers, to be given to equal calls.
        attended: Whether somebody answers its questions, so that it waits for them.
        out: The folder of its files, if that is another one now.
        steward: Who pays for it beside its own limits, if anybody does.
    """

    listener: Listener | None = None
    limits: Limits = Limits()
    step_limits: Mapping[str, Limits] = field(default_factory=dict)
    tape: Tape | None = None
    attended: bool = False
    out: str | None = None
    steward: Steward | None = None


@dataclass(slots=True, kw_only=True)
class Driving:
    """Does the runs of one engine."""

    config: Config
    host: PluginHost
    journal: Journal
    secrets: Secrets
    exporting: Exporting
    traffic: Traffic
    drill: Drill | None

    async def drive(
        self, run_id: str, going: Going, *, accepted: RunAccepted | None = None
    ) -> RunState:
        """Take a run over and do what is left of it.

        Args:
            run_id: The run.
            going: How it is to go on.
            accepted: How it began, if that was just now and nobody can have done it.
        """
        moved, seen = "", 1
        if accepted is None:  # one that is done must not be taken over
            before = await self.journal.read(run_id)
            state = fold(before)
            check_whole(state)
            if going.step_limits:
                changed_limits(state, going.limits, going.step_limits)  # or refuse
            if state.status in DONE:
                if going.listener:
                    going.listener.tell_all(before)
                return state
            moved, seen = check_folder(state, going.out), state.seq
        epoch = await self._claimed(run_id, seen)
        # Only owners write events: where there was none there is but the first.
        known = [accepted] if accepted is not None and epoch == 1 else None
        async with self._owned(run_id, epoch, going.listener, known) as owned:
            recorder, events = owned
            if going.listener:
                going.listener.tell_all(events)
            if going.limits != Limits() or going.step_limits:
                await recorder.record(
                    changed_limits(recorder.state, going.limits, going.step_limits)
                )
            setup = Setup(
                config=self.config,
                host=self.host,
                traffic=self.traffic,
                tape=going.tape,
                drill=self.drill,
                steward=going.steward,
                attended=going.attended,
            )
            await do_run(recorder, events, setup, epoch=epoch, out=moved)
            return recorder.state

    @asynccontextmanager
    async def owned(self, run_id: str) -> AsyncGenerator[Recorder, None]:
        """Own a run that nobody is doing, to record what is done to it.

        Raises:
            RunBusyError: If somebody is doing it.
        """
        epoch = await self.journal.claim(run_id)
        async with self._owned(run_id, epoch, None, None) as (recorder, _):
            yield recorder

    async def _claimed(self, run_id: str, seen: int) -> int:
        """Become a run's owner; wait for an owner that only records requests about it.

        Args:
            run_id: The run.
            seen: The ``seq`` of the latest event that is known.

        Raises:
            RunNotFoundError: If there is no such run.
            RunBusyError: If somebody is doing it.
        """
        deadline = anyio.current_time() + _MOMENT
        while True:
            try:
                return await self.journal.claim(run_id)
            except RunBusyError:
                news = await self.journal.read(run_id, seen)
                done = not all(isinstance(event, Requested) for event in news)
                if done or anyio.current_time() >= deadline:
                    raise
            await anyio.sleep(_PAUSE)

    @asynccontextmanager
    async def _owned(
        self,
        run_id: str,
        epoch: int,
        listener: Listener | None,
        known: Sequence[Event] | None,
    ) -> AsyncGenerator[tuple[Recorder, Sequence[Event]], None]:
        """Hold a claimed run: its pen, and its events until now."""
        observing: Observing | None = None
        try:
            events = known or await self.journal.read(run_id)
            watchers: list[Callable[[Event], None]] = []
            if self.config.observers_enabled:
                observing = Observing(self.config, self.host, events)
                watchers.append(observing.emit)
            if self.exporting.begin():
                self.exporting.emit(events[0])  # what all others are about
                watchers.append(self.exporting.emit)
            recorder = Recorder(
                self.journal,
                run_id,
                epoch,
                events,
                secrets=self.secrets,
                listener=listener,
                watchers=watchers,
            )
            yield recorder, events
        finally:
            with anyio.CancelScope(shield=True):
                if observing:
                    await observing.close()
                await self.journal.release(run_id, epoch)
