"""What every journal must do, as tests to run against one of your own.

One file, since a class to inherit from is one class, and the contract has that many
sentences.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

import anyio
import pytest

from ..errors import InputError, JournalError, RunBusyError, RunNotFoundError
from ..events import (
    ApprovalDecided,
    CancelRequested,
    ErrorInfo,
    Event,
    InputGiven,
    LimitsChanged,
    PauseRequested,
    Progressed,
    Requested,
    RequestRefused,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunRewound,
    StepFinished,
    StepStarted,
    UnknownEvent,
)
from ..journals import Journal, Pending
from ..usage import Limits
from ..workflows import Step, Workflow

__all__ = ["JournalConformance"]

DEADLINE = 10.0
"""Seconds after which what should come is taken for lost."""


class JournalConformance:
    """Checks of the contract of `Journal`; to be inherited by a class of pytest tests.

    ```python
    class TestMyJournal(JournalConformance):
        @pytest.fixture
        def open_journal(self, tmp_path):
            return lambda: MyJournal(tmp_path / "journal")
    ```
    """

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    def anyio_backend(self) -> str:
        """The event loop the tests run in."""
        return "asyncio"

    @pytest.fixture
    def open_journal(self) -> Callable[[], Journal]:
        """Return what opens the journal under test; to be overridden.

        Called twice in a test it opens the same journal a second time, as another
        process would; a journal that is shared by object returns the object.
        """
        raise NotImplementedError("override the fixture open_journal")

    @pytest.fixture
    async def journal(
        self, open_journal: Callable[[], Journal]
    ) -> AsyncIterator[Journal]:
        """The journal under test, in which there is nothing."""
        journal = open_journal()
        yield journal
        await journal.close()

    @pytest.fixture
    async def other(
        self, open_journal: Callable[[], Journal], journal: Journal
    ) -> AsyncIterator[Journal]:
        """The same journal, opened a second time."""
        other = open_journal()
        yield other
        await other.close()

    def test_is_a_journal(self, open_journal: Callable[[], Journal]) -> None:
        """It has all the methods."""
        assert isinstance(open_journal(), Journal)

    # -- Beginning -------------------------------------------------------------------

    async def test_create_begins_a_run(self, journal: Journal, other: Journal) -> None:
        """A new run has its first event, with ``seq`` 1, and no owner."""
        await journal.create(_accepted("a", seq=0))

        assert await other.read("a") == [_accepted("a")]
        assert [run.owned for run in await journal.list()] == [False]

    async def test_an_id_names_one_run(self, journal: Journal, other: Journal) -> None:
        """A second run of an id is refused, and the first stays as it is."""
        await journal.create(_accepted("a", "first"))

        with pytest.raises(InputError):
            await other.create(_accepted("a", "second"))
        assert await journal.read("a") == [_accepted("a", "first")]

    # -- Owning ----------------------------------------------------------------------

    async def test_a_run_has_one_owner(self, journal: Journal, other: Journal) -> None:
        """Nobody can claim a run that somebody else has, in no process."""
        await journal.create(_accepted("a"))
        await journal.claim("a")

        for claimant in (journal, other):
            with pytest.raises(RunBusyError):
                await claimant.claim("a")
        assert [run.owned for run in await other.list()] == [True]

    async def test_a_released_run_can_be_claimed(
        self, journal: Journal, other: Journal
    ) -> None:
        """Each claim has a higher epoch."""
        await journal.create(_accepted("a"))
        first = await journal.claim("a")
        await journal.release("a", first)

        assert [run.owned for run in await other.list()] == [False]
        assert await other.claim("a") > first

    async def test_a_claim_that_is_cancelled_leaves_the_run_free(
        self, journal: Journal, other: Journal
    ) -> None:
        """Whoever is cancelled does not know the epoch, and could not release it."""
        await journal.create(_accepted("a"))
        claiming = asyncio.ensure_future(journal.claim("a"))
        await asyncio.sleep(0)
        claiming.cancel()
        with suppress(asyncio.CancelledError):
            await journal.release("a", await claiming)

        for claimant in (journal, other):
            await claimant.release("a", await _claimed(claimant, "a"))

    async def test_only_the_owner_can_release(
        self, journal: Journal, other: Journal
    ) -> None:
        """Whoever is not the owner changes nothing with it, and hears of no error."""
        await journal.create(_accepted("a"))
        first = await journal.claim("a")
        await journal.release("a", first)
        second = await other.claim("a")

        await journal.release("a", first)
        await journal.release("none", 1)
        await other.append("a", second, _events("a", 2))

    async def test_there_must_be_a_run_to_claim(self, journal: Journal) -> None:
        """A run that does not exist cannot be claimed."""
        with pytest.raises(RunNotFoundError):
            await journal.claim("none")

    # -- Appending -------------------------------------------------------------------

    async def test_events_come_back_equal_and_in_order(
        self, journal: Journal, other: Journal
    ) -> None:
        """What was appended is read, from everywhere."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        events = _of_every_shape("a")
        await journal.append("a", epoch, events[:3])
        await journal.append("a", epoch, events[3:])

        assert await journal.read("a") == [_accepted("a"), *events]
        assert await other.read("a") == [_accepted("a"), *events]

    async def test_reads_only_what_comes_after(self, journal: Journal) -> None:
        """*after* leaves out what the reader knows."""
        await journal.create(_accepted("a"))
        events = _events("a", 2, 3, 4)
        await journal.append("a", await journal.claim("a"), events)

        assert await journal.read("a", 2) == events[1:]
        assert await journal.read("a", 4) == []

    async def test_there_must_be_a_run_to_read(self, journal: Journal) -> None:
        """A run that does not exist cannot be read."""
        with pytest.raises(RunNotFoundError):
            await journal.read("none")

    async def test_appending_nothing_changes_nothing(self, journal: Journal) -> None:
        """No events are fine."""
        await journal.create(_accepted("a"))
        await journal.append("a", await journal.claim("a"), [])

        assert await journal.read("a") == [_accepted("a")]

    async def test_events_ride_with_the_next(
        self, journal: Journal, other: Journal
    ) -> None:
        """Those not waited for are written, at the latest, with the next that are."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        await journal.append("a", epoch, _events("a", 2), durable=False)
        await journal.append("a", epoch, _events("a", 3), durable=False)
        await journal.append("a", epoch, _events("a", 4))

        assert await other.read("a", 1) == _events("a", 2, 3, 4)

    async def test_reads_what_rides(self, journal: Journal) -> None:
        """Who appended events reads them, also if they were not waited for."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        await journal.append("a", epoch, _events("a", 2), durable=False)

        assert await journal.read("a", 1) == _events("a", 2)

    async def test_an_earlier_owner_is_refused(
        self, journal: Journal, other: Journal
    ) -> None:
        """Once there is a newer epoch the older one writes nothing."""
        await journal.create(_accepted("a"))
        old = await journal.claim("a")
        await journal.release("a", old)
        new = await other.claim("a")

        with pytest.raises(RunBusyError):
            await journal.append("a", old, _events("a", 2))
        await other.append("a", new, _events("a", 2))
        with pytest.raises(RunBusyError):
            await journal.append("a", old, _events("a", 3))
        assert await journal.read("a", 1) == _events("a", 2)

    async def test_who_released_a_run_is_refused(self, journal: Journal) -> None:
        """A run without an owner is written by nobody."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        await journal.release("a", epoch)

        with pytest.raises(RunBusyError):
            await journal.append("a", epoch, _events("a", 2))

    async def test_a_refusal_of_riders_shows_later(
        self, journal: Journal, other: Journal
    ) -> None:
        """Events not waited for that are refused take the next ones with them."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        await journal.release("a", epoch)
        await other.claim("a")

        async def append() -> None:
            await journal.append("a", epoch, _events("a", 2), durable=False)
            await journal.append("a", epoch, _events("a", 3))

        with pytest.raises(RunBusyError):
            await append()
        assert await other.read("a") == [_accepted("a")]

    @pytest.mark.parametrize("seqs", [(1,), (3,), (2, 4), (2, 2), (3, 2)])
    async def test_numbers_have_no_gaps(
        self, journal: Journal, seqs: tuple[int, ...]
    ) -> None:
        """Events whose ``seq`` is not the next are refused, all together."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")

        with pytest.raises(JournalError):
            await journal.append("a", epoch, _events("a", *seqs))
        await journal.append("a", epoch, _events("a", 2))
        assert await journal.read("a", 1) == _events("a", 2)

    async def test_what_is_no_json_is_refused(self, journal: Journal) -> None:
        """An event that cannot be written harms no other."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        bad = StepFinished(seq=2, run_id="a", step="plan", output=object())

        with pytest.raises(JournalError):
            await journal.append("a", epoch, [bad])
        await journal.append("a", epoch, _events("a", 2))
        assert await journal.read("a", 1) == _events("a", 2)

    async def test_there_must_be_a_run_to_append_to(self, journal: Journal) -> None:
        """A run that does not exist cannot be added to."""
        with pytest.raises(RunNotFoundError):
            await journal.append("none", 1, _events("none", 2))

    async def test_many_runs_are_written_at_once(
        self, journal: Journal, other: Journal
    ) -> None:
        """Runs do not get into each other's way."""
        names = [f"run-{number}" for number in range(20)]

        async def work(name: str) -> None:
            await journal.create(_accepted(name))
            epoch = await journal.claim(name)
            for seq in range(2, 7):
                await journal.append(
                    name, epoch, _events(name, seq), durable=seq % 2 == 0
                )
            await journal.release(name, epoch)

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(work, name)
        for name in names:
            assert await other.read(name, 1) == _events(name, 2, 3, 4, 5, 6)

    async def test_who_is_cancelled_leaves_a_whole_journal(
        self, journal: Journal
    ) -> None:
        """Events whose writer no longer waits are written, or not, as a whole."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await journal.append("a", epoch, _events("a", 2, 3))
        await journal.release("a", epoch)

        assert await journal.read("a", 1) in ([], _events("a", 2, 3))

    # -- Listening -------------------------------------------------------------------

    async def test_subscribers_hear_of_earlier_and_of_new_events(
        self, journal: Journal, other: Journal
    ) -> None:
        """Each subscriber gets each event, in order, until the run has ended."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        heard: list[list[Event]] = [[], [], []]

        async def listen(where: Journal, after: int, events: list[Event]) -> None:
            async for event in where.subscribe("a", after):
                events.append(event)  # noqa: PERF401 - it should show how far it came

        with anyio.fail_after(DEADLINE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen, journal, 0, heard[0])
                tasks.start_soon(listen, other, 0, heard[1])
                tasks.start_soon(listen, other, 2, heard[2])
                for seq in range(2, 5):
                    await journal.append("a", epoch, _events("a", seq))
                    await anyio.sleep(0.01)
                await journal.append("a", epoch, [_finished("a", 5)])

        events = [_accepted("a"), *_events("a", 2, 3, 4), _finished("a", 5)]
        assert heard == [events, events, events[2:]]

    @pytest.mark.parametrize("after", [0, 2, 9])
    async def test_subscribing_to_an_ended_run_ends(
        self, journal: Journal, other: Journal, after: int
    ) -> None:
        """There is nothing to wait for."""
        await journal.create(_accepted("a"))
        await journal.append("a", await journal.claim("a"), [_finished("a", 2)])

        with anyio.fail_after(DEADLINE):
            heard = [event async for event in other.subscribe("a", after)]
        assert heard == [_accepted("a"), _finished("a", 2)][after:]

    async def test_subscribers_hear_of_all_who_own_a_run_in_turn(
        self, journal: Journal, other: Journal
    ) -> None:
        """Each event once and in order, whoever writes it, however many at once."""
        await journal.create(_accepted("a"))
        heard: list[list[int]] = [[], []]

        async def listen(where: Journal, seqs: list[int]) -> None:
            async for event in where.subscribe("a"):
                seqs.append(event.seq)  # noqa: PERF401 - it should show how far it came

        with anyio.fail_after(DEADLINE):
            async with anyio.create_task_group() as tasks:
                for where, seqs in zip((journal, other), heard, strict=True):
                    tasks.start_soon(listen, where, seqs)
                last = 1
                for owner, count in [(journal, 3), (other, 400), (journal, 1)] * 3:
                    epoch = await _claimed(owner, "a")
                    events = _numbered("a", last + 1, count)
                    await owner.append("a", epoch, events[:1], durable=False)
                    await owner.append("a", epoch, events[1:], durable=count > 1)
                    last += count
                    await owner.release("a", epoch)
                epoch = await _claimed(journal, "a")
                await journal.append("a", epoch, [_finished("a", last + 1)])

        assert heard == [list(range(1, last + 2))] * 2

    async def test_a_long_run_is_followed_to_its_end(
        self, journal: Journal, other: Journal
    ) -> None:
        """A subscriber gets each event of it, however a journal divides them."""
        await journal.create(_accepted("a"))
        many = _numbered("a", 2, 1022)
        epoch = await journal.claim("a")
        await journal.append("a", epoch, [*many, _finished("a", 1024)])

        with anyio.fail_after(DEADLINE):
            heard = [event.seq async for event in other.subscribe("a")]
        assert heard == list(range(1, 1025))

    async def test_a_resumed_run_has_not_ended(
        self, journal: Journal, other: Journal
    ) -> None:
        """An end before the latest `RunResumed` is none."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        failed = RunFailed(seq=2, run_id="a", error=ErrorInfo(type="X", cause="x"))
        resumed = RunResumed(seq=3, run_id="a", epoch=epoch)
        await journal.append("a", epoch, [failed, resumed])

        with anyio.fail_after(DEADLINE):
            async with aclosing(other.subscribe("a", 1)) as events:
                assert await anext(events) == failed
                assert await anext(events) == resumed
                await journal.append("a", epoch, [RunCancelled(seq=4, run_id="a")])
                assert await anext(events) == RunCancelled(seq=4, run_id="a")
                with pytest.raises(StopAsyncIteration):
                    await anext(events)

    async def test_a_run_that_is_set_back_has_not_ended(
        self, journal: Journal, other: Journal
    ) -> None:
        """An end before the latest `RunRewound` is none: the run is paused."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        back = RunRewound(seq=3, run_id="a", step="work", steps=("work",))
        await journal.append("a", epoch, [_finished("a", 2), back])

        with anyio.fail_after(DEADLINE):
            async with aclosing(other.subscribe("a", 2)) as events:
                assert await anext(events) == back
                await journal.append("a", epoch, [_finished("a", 4)])
                assert await anext(events) == _finished("a", 4)
                with pytest.raises(StopAsyncIteration):
                    await anext(events)

    async def test_there_must_be_a_run_to_subscribe_to(self, journal: Journal) -> None:
        """A run that does not exist has no events to wait for."""
        with pytest.raises(RunNotFoundError):
            await anext(journal.subscribe("none"))

    # -- Asking the owner ------------------------------------------------------------

    async def test_the_owner_hears_of_requests(
        self, journal: Journal, other: Journal
    ) -> None:
        """Those that wait come first, then new ones, from everywhere."""
        await journal.create(_accepted("a"))
        await other.request("a", CancelRequested(reason="one"))

        with anyio.fail_after(DEADLINE):
            async with aclosing(journal.requests("a")) as requests:
                heard = [await anext(requests)]
                await journal.request("a", CancelRequested(reason="two"))
                heard.append(await anext(requests))
                await other.request("a", CancelRequested(reason="three"))
                heard.append(await anext(requests))

        assert [_reason(pending) for pending in heard] == ["one", "two", "three"]
        assert len({pending.request_id for pending in heard}) == 3

    async def test_a_request_made_while_the_owner_waits_is_heard(
        self, journal: Journal, other: Journal
    ) -> None:
        """It needs no other event to wake the owner."""
        await journal.create(_accepted("a"))
        await journal.claim("a")

        with anyio.fail_after(DEADLINE):
            async with aclosing(journal.requests("a")) as requests:
                for source in (journal, other):
                    waiting = asyncio.ensure_future(anext(requests))
                    await anyio.sleep(0.05)
                    await source.request("a", CancelRequested(reason="now"))
                    assert _reason(await waiting) == "now"

    async def test_a_request_waits_until_its_event_is_appended(
        self, journal: Journal, other: Journal
    ) -> None:
        """Hearing of a request does not end it; recording what it became does."""
        await journal.create(_accepted("a"))
        await journal.request("a", CancelRequested(reason="one"))
        await journal.request("a", CancelRequested(reason="two"))
        epoch = await journal.claim("a")
        with anyio.fail_after(DEADLINE):
            first = await _first_request(journal, "a")
            again = await _first_request(journal, "a")
            taken = CancelRequested(seq=2, run_id="a", request_id=first.request_id)
            await journal.append("a", epoch, [taken])
            second = await _first_request(other, "a")

        assert first == again
        assert _reason(second) == "two"

    async def test_requests_of_every_kind_are_heard_as_they_were_made(
        self, journal: Journal, other: Journal
    ) -> None:
        """Whatever people may ask of a run comes to its owner whole."""
        await journal.create(_accepted("a"))
        await journal.claim("a")
        wishes = _of_every_wish()

        heard: list[Event] = []
        with anyio.fail_after(DEADLINE):
            async with aclosing(journal.requests("a")) as requests:
                for wish in wishes:
                    request_id = await other.request("a", wish)
                    pending = await anext(requests)
                    assert pending.request_id == request_id
                    assert pending.event.request_id == request_id
                    heard.append(replace(pending.event, request_id=None))

        assert heard == wishes

    async def test_a_refusal_ends_a_request(
        self, journal: Journal, other: Journal
    ) -> None:
        """An owner that does not do what it was asked says so, once."""
        await journal.create(_accepted("a"))
        await other.request("a", CancelRequested(reason="one"))
        await other.request("a", CancelRequested(reason="two"))
        epoch = await journal.claim("a")
        with anyio.fail_after(DEADLINE):
            first = await _first_request(journal, "a")
            refused = RequestRefused(
                seq=2, run_id="a", reason="no", request_id=first.request_id
            )
            await journal.append("a", epoch, [refused])
            second = await _first_request(other, "a")

        assert _reason(second) == "two"

    async def test_a_paused_run_can_still_be_asked(
        self, journal: Journal, other: Journal
    ) -> None:
        """It has not ended: its next owner hears of it."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        await journal.append("a", epoch, [RunPaused(seq=2, run_id="a", reason="x")])
        await journal.release("a", epoch)
        await other.request("a", CancelRequested(reason="while paused"))

        with anyio.fail_after(DEADLINE):
            first = await _first_request(journal, "a")
        assert _reason(first) == "while paused"

    async def test_what_was_asked_of_a_run_ends_with_it(
        self, journal: Journal, other: Journal
    ) -> None:
        """Whoever resumes the run later should not stumble over it."""
        await journal.create(_accepted("a"))
        epoch = await journal.claim("a")
        await other.request("a", CancelRequested(reason="before"))
        await journal.append("a", epoch, [RunCancelled(seq=2, run_id="a")])
        await other.request("a", CancelRequested(reason="after"))
        await journal.append("a", epoch, [RunResumed(seq=3, run_id="a", epoch=2)])
        await other.request("a", CancelRequested(reason="in time"))

        with anyio.fail_after(DEADLINE):
            first = await _first_request(journal, "a")

        assert _reason(first) == "in time"

    async def test_requests_are_no_events(self, journal: Journal) -> None:
        """A request changes nothing of the run by itself."""
        await journal.create(_accepted("a"))
        await journal.request("a", CancelRequested())

        assert await journal.read("a") == [_accepted("a")]

    async def test_there_must_be_a_run_to_ask(self, journal: Journal) -> None:
        """A run that does not exist has no owner, now or later."""
        with pytest.raises(RunNotFoundError):
            await journal.request("none", CancelRequested())
        with pytest.raises(RunNotFoundError):
            await anext(journal.requests("none"))

    # -- Listing and forgetting ------------------------------------------------------

    async def test_lists_runs_newest_first(
        self, journal: Journal, other: Journal
    ) -> None:
        """At most *limit* of them, the latest."""
        for name in ("a", "b", "c"):
            await journal.create(_accepted(name, f"make {name}"))

        runs = await other.list()
        assert [run.run_id for run in runs] == ["c", "b", "a"]
        assert [run.run_id for run in await journal.list(limit=2)] == ["c", "b"]
        assert (runs[0].objective, runs[0].workflow) == ("make c", "solo")

    async def test_a_run_has_the_status_its_events_give_it(
        self, journal: Journal, other: Journal
    ) -> None:
        """Lists can be held to a status."""
        ends: dict[str, Event] = {
            "paused": RunPaused(seq=2, run_id="paused", reason="x"),
            "completed": RunFinished(seq=2, run_id="completed", output="x"),
            "degraded": RunFinished(seq=2, run_id="degraded", output="", degraded=True),
            "failed": RunFailed(
                seq=2, run_id="failed", error=ErrorInfo(type="X", cause="x")
            ),
            "cancelled": RunCancelled(seq=2, run_id="cancelled"),
        }
        await journal.create(_accepted("running"))
        for name, end in ends.items():
            await journal.create(_accepted(name))
            await journal.append(name, await journal.claim(name), [end])

        assert {run.run_id: run.status for run in await other.list()} == {
            name: name for name in ("running", *ends)
        }
        (failed,) = await other.list(status="failed")
        assert failed.run_id == "failed"

    async def test_lists_when_a_run_began_and_last_changed(
        self, journal: Journal
    ) -> None:
        """The times are those of its first and latest event."""
        await journal.create(_accepted("a"))
        latest = StepStarted(
            seq=2, run_id="a", at="2026-01-01T00:00:09.000Z", step="x", agent="p:x"
        )
        await journal.append("a", await journal.claim("a"), [latest])

        (run,) = await journal.list()
        assert (run.created_at, run.updated_at) == (_accepted("a").at, latest.at)

    async def test_a_deleted_run_is_forgotten(
        self, journal: Journal, other: Journal
    ) -> None:
        """Nothing is left of it, and its id is free."""
        await journal.create(_accepted("a"))
        await journal.create(_accepted("b"))
        await journal.append("a", await journal.claim("a"), [_finished("a", 2)])
        await journal.request("a", CancelRequested(reason="old"))
        await journal.release("a", 1)
        await other.delete("a")

        with pytest.raises(RunNotFoundError):
            await journal.read("a")
        assert [run.run_id for run in await journal.list()] == ["b"]
        await journal.create(_accepted("a", "again"))
        await journal.request("a", CancelRequested(reason="new"))
        assert await journal.read("a") == [_accepted("a", "again")]
        assert _reason(await _first_request(journal, "a")) == "new"

    async def test_a_run_with_an_owner_is_not_deleted(
        self, journal: Journal, other: Journal
    ) -> None:
        """Somebody is working on it."""
        await journal.create(_accepted("a"))
        await journal.claim("a")

        with pytest.raises(RunBusyError):
            await other.delete("a")
        assert await journal.read("a") == [_accepted("a")]

    async def test_there_must_be_a_run_to_delete(self, journal: Journal) -> None:
        """A run that does not exist cannot be forgotten."""
        with pytest.raises(RunNotFoundError):
            await journal.delete("none")

    # -- Closing ---------------------------------------------------------------------

    async def test_closing_writes_what_is_waiting(
        self, open_journal: Callable[[], Journal], journal: Journal
    ) -> None:
        """Events that were not waited for are not lost."""
        first = open_journal()
        await first.create(_accepted("a"))
        epoch = await first.claim("a")
        await first.append("a", epoch, _events("a", 2), durable=False)
        await first.close()

        assert await journal.read("a", 1) == _events("a", 2)

    async def test_closing_twice_is_fine(
        self, open_journal: Callable[[], Journal]
    ) -> None:
        """So is closing what was never used."""
        journal = open_journal()
        await journal.close()
        await journal.close()

    async def test_works_in_one_event_loop_after_another(
        self, open_journal: Callable[[], Journal]
    ) -> None:
        """A journal belongs to no event loop."""
        journal = open_journal()

        async def begin() -> None:
            await journal.create(_accepted("a"))
            await _heard_in_time(journal)

        async def go_on() -> list[Event]:
            await journal.append("a", await journal.claim("a"), [_finished("a", 2)])
            events = [event async for event in journal.subscribe("a")]
            await journal.close()
            return events

        await anyio.to_thread.run_sync(asyncio.run, begin())
        events = await anyio.to_thread.run_sync(asyncio.run, go_on())
        assert events == [_accepted("a"), _finished("a", 2)]


# -- What is written -------------------------------------------------------------------


async def _claimed(journal: Journal, run_id: str) -> int:
    """Claim a run as soon as nobody owns it."""
    with anyio.fail_after(DEADLINE):
        while True:
            try:
                return await journal.claim(run_id)
            except RunBusyError:
                await anyio.sleep(0.01)


def _accepted(run_id: str, objective: str = "make it", seq: int = 1) -> RunAccepted:
    return RunAccepted(
        seq=seq,
        at="2026-01-01T00:00:00.000Z",
        run_id=run_id,
        objective=objective,
        workflow=Workflow("solo", (Step("work", agent="zerogravity:engineer"),)),
    )


def _events(run_id: str, *seqs: int) -> list[Event]:
    return [
        Progressed(
            seq=seq,
            at=f"2026-01-01T00:00:{seq:02}.000Z",
            run_id=run_id,
            step="work",
            message=f"event {seq}",
        )
        for seq in seqs
    ]


def _numbered(run_id: str, first: int, count: int) -> list[Event]:
    return [
        Progressed(seq=seq, run_id=run_id, step="work", message="on")
        for seq in range(first, first + count)
    ]


def _finished(run_id: str, seq: int) -> RunFinished:
    return RunFinished(seq=seq, run_id=run_id, output="done")


def _of_every_shape(run_id: str) -> Sequence[Event]:
    """Return events that are hard to keep: long, deep, of other scripts, unknown."""
    deep: object = "end"
    for _ in range(50):
        deep = {"deeper": [deep]}
    outputs: list[object] = [
        None,
        "",
        "Grüße, 世界, 🪐, \x00, \u2028 and 'quotes'",
        "long " * 100_000,
        {"list": [1, 2.5, -0.0, 1e300, True, None], "": {}},
        2**70,
        deep,
    ]
    events: list[Event] = [
        StepFinished(seq=seq, run_id=run_id, step="work", output=output)
        for seq, output in enumerate(outputs, 2)
    ]
    seq = len(outputs) + 2
    data = {"seq": seq, "at": "", "run_id": run_id, "new": {"of": ["a", "kind"]}}
    return [*events, UnknownEvent(seq=seq, run_id=run_id, type="Dreamt", data=data)]


def _of_every_wish() -> list[Requested]:
    """Return what people may ask of a run, each kind with all that it can have."""
    limits = Limits(usd=0.5, tokens=10, calls=2, seconds=1.5)
    return [
        CancelRequested(reason="enough", by="me", at="2026-01-01T00:00:09.000Z"),
        PauseRequested(reason="until tomorrow", by="me", seq=7),
        LimitsChanged(limits=limits, step_limits={"work": Limits(calls=1)}, by="me"),
        ApprovalDecided(
            call_key="work:1:1",
            digest="d",
            allow=True,
            by="me",
            reason="fine",
            arguments={"path": "a", "deep": [1, {"x": None}]},
        ),
        InputGiven(call_key="work:2:1", value={"colour": "blue"}, by="me"),
    ]


# -- What is heard ---------------------------------------------------------------------


async def _first_request(journal: Journal, run_id: str) -> Pending:
    async with aclosing(journal.requests(run_id)) as requests:
        return await anext(requests)


async def _heard_in_time(journal: Journal) -> None:
    """Leave a subscription behind that waited in this event loop."""
    events: AsyncGenerator[Event, None] = journal.subscribe("a")
    await anext(events)
    with anyio.move_on_after(0.05):
        await anext(events)


def _reason(pending: Pending) -> str:
    assert isinstance(pending.event, CancelRequested)
    return pending.event.reason
