"""A journal that lives as long as the object does: for tests and passing runs."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

import anyio
import anyio.lowlevel

from ._codec import decode_event, encode_event
from .errors import InputError, JournalError, RunBusyError, RunNotFoundError
from .events import Event, Requested, RunAccepted, RunStatus, status_after
from .journals import ENDED, Pending, RunSummary

__all__ = ["MemoryJournal"]


@dataclass(slots=True)
class _Run:
    accepted: RunAccepted
    lines: list[bytes]
    status: RunStatus = "running"
    updated_at: str = ""
    epoch: int = 0
    owned: bool = False
    requests: dict[str, Requested] = field(default_factory=dict)
    readers: list[anyio.Event] = field(default_factory=list)
    owners: list[anyio.Event] = field(default_factory=list)


async def _news(waiting: list[anyio.Event]) -> None:
    """Wait for the next `_announce`."""
    event = anyio.Event()
    waiting.append(event)
    await event.wait()


def _announce(waiting: list[anyio.Event]) -> None:
    """Wake all that wait for news."""
    for event in waiting:
        event.set()
    waiting.clear()


class MemoryJournal:
    """A `Journal` in memory, whose owners are the engines that share the object.

    Events are kept as JSON, so that what passes here passes in a file too.
    """

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}

    async def create(self, accepted: RunAccepted) -> None:
        """Begin a run; see `Journal.create`."""
        if accepted.run_id in self._runs:
            raise InputError(
                f"there is a run {accepted.run_id!r} already", "choose another id"
            )
        self._runs[accepted.run_id] = _Run(
            accepted,
            lines=[encode_event(replace(accepted, seq=1))],
            updated_at=accepted.at,
        )
        await anyio.lowlevel.checkpoint()

    async def claim(self, run_id: str) -> int:
        """Become a run's owner; see `Journal.claim`."""
        run = self._free(run_id)
        run.epoch += 1
        run.owned = True
        return run.epoch

    async def release(self, run_id: str, epoch: int) -> None:
        """Stop being a run's owner; see `Journal.release`."""
        run = self._runs.get(run_id)
        if run is not None and run.epoch == epoch:
            run.owned = False

    async def append(
        self, run_id: str, epoch: int, events: Sequence[Event], *, durable: bool = True
    ) -> None:
        """Add events to a run; see `Journal.append`."""
        run = self._run(run_id)
        if epoch != run.epoch or not run.owned:
            raise RunBusyError(
                f"run {run_id!r} is not this engine's any more",
                "another engine may have taken it over: look with `zg runs show`",
                run_id=run_id,
            )
        lines = [encode_event(event) for event in events]
        for seq, event in enumerate(events, len(run.lines) + 1):
            if event.seq != seq:
                raise JournalError(
                    f"run {run_id!r} goes on with event {seq}, not {event.seq}",
                    "report this as a bug of the engine",
                )
        run.lines += lines
        for event in events:
            run.status = status_after(event) or run.status
            run.updated_at = event.at
            if isinstance(event, Requested) and event.request_id:
                run.requests.pop(event.request_id, None)
        if run.status in ENDED:
            run.requests.clear()
        _announce(run.readers)
        if durable:
            await anyio.lowlevel.checkpoint()

    async def read(self, run_id: str, after: int = 0) -> list[Event]:
        """Return a run's events; see `Journal.read`."""
        return [decode_event(line) for line in self._run(run_id).lines[after:]]

    async def subscribe(
        self, run_id: str, after: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Yield a run's events as they come; see `Journal.subscribe`."""
        while True:
            run = self._run(run_id)
            if after < len(run.lines):
                after += 1
                yield decode_event(run.lines[after - 1])
            elif run.status in ENDED:
                return
            else:
                await _news(run.readers)

    async def list(
        self, *, limit: int = 100, status: RunStatus | None = None
    ) -> list[RunSummary]:
        """Return the latest runs; see `Journal.list`."""
        runs = [r for r in self._runs.values() if status in (None, r.status)]
        return [_summary(run) for run in reversed(runs)][:limit]

    async def delete(self, run_id: str) -> None:
        """Forget a run; see `Journal.delete`."""
        run = self._free(run_id)
        del self._runs[run_id]
        _announce(run.readers)
        _announce(run.owners)

    async def request(self, run_id: str, event: Requested) -> str:
        """Ask a run's owner for something; see `Journal.request`."""
        run = self._run(run_id)
        request_id = uuid.uuid4().hex
        if run.status not in ENDED:
            run.requests[request_id] = replace(event, request_id=request_id)
            _announce(run.owners)
        return request_id

    async def requests(self, run_id: str) -> AsyncGenerator[Pending, None]:
        """Yield a run's requests as they come; see `Journal.requests`."""
        seen: set[str] = set()
        while True:
            run = self._run(run_id)
            new = [item for item in run.requests.items() if item[0] not in seen]
            for request_id, event in new:
                seen.add(request_id)
                yield Pending(request_id=request_id, event=event)
            if not new:
                await _news(run.owners)

    async def close(self) -> None:
        """Do nothing: what is kept in memory needs no closing."""

    def _run(self, run_id: str) -> _Run:
        run = self._runs.get(run_id)
        if run is None:
            raise RunNotFoundError(
                f"there is no run {run_id!r}", "see `zg runs list`", run_id=run_id
            )
        return run

    def _free(self, run_id: str) -> _Run:
        run = self._run(run_id)
        if run.owned:
            raise RunBusyError(
                f"another engine is doing run {run_id!r}",
                f"watch it (zg runs watch {run_id}), or stop it first: "
                f"zg runs pause {run_id}, or zg runs cancel {run_id}",
                run_id=run_id,
            )
        return run


def _summary(run: _Run) -> RunSummary:
    return RunSummary(
        run_id=run.accepted.run_id,
        objective=run.accepted.objective,
        workflow=run.accepted.workflow.name,
        status=run.status,
        created_at=run.accepted.at,
        updated_at=run.updated_at,
        owned=run.owned,
    )
