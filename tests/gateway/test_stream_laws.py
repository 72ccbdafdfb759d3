"""Laws of what those who follow a job share: each gets each event once, in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import TypeAlias, cast

import anyio
import anyio.lowlevel
from hypothesis import example, given, settings
from hypothesis import strategies as st
from journal_child import accepted
from laws.strategies import unhurried

import zg_core as zg
from zg_plugins_builtin.gateway.jobs import Jobs
from zg_plugins_builtin.gateway.jobs.feeds import Feeds
from zg_plugins_builtin.gateway.jobs.following import Following
from zg_plugins_builtin.gateway.jobs.lines import Lines, Place

MOST, SIZE = 5, 40
Act: TypeAlias = tuple[str, int]


class Reading:
    """Somebody who follows lines, and reads the journal where those are gone.

    Attributes:
        given: The numbers of what they were given: of all events and pieces together.
    """

    def __init__(self, world: World, after: int) -> None:
        self.world = world
        self.after = after
        self.from_at = len(world.happened)
        self.place = Place(after, world.lines.end)
        self.given: list[int] = []

    def take(self, at_once: int) -> None:
        taken = self.world.lines.take(self.place)
        if taken is not None:
            self.given += map(int, taken.split())
            return
        for seq in self.world.known[self.place.seq : self.place.seq + at_once]:
            self.given.append(self.world.happened.index(seq))
            self.place.seq = seq

    def is_behind(self) -> bool:
        return self.place.seq < self.world.lines.head


class World:
    """A job, its lines, and who follows them.

    Attributes:
        happened: What happened, in order: the number of an event, or 0 for a piece.
    """

    def __init__(self, after: int) -> None:
        self.lines = Lines(after, most=MOST, size=SIZE)
        self.happened: list[int] = []
        self.readers: list[Reading] = []

    @property
    def known(self) -> range:
        return range(1, self.lines.head + 1)

    def act(self, act: Act) -> None:
        name, number = act
        line = b"%d " % len(self.happened)
        match name:
            case "event":
                seq = self.lines.head + 1
                self.happened.append(seq)
                if self.lines.wants(seq):
                    self.lines.add(line + b" " * (number % 30), seq)
            case "piece":
                self.happened.append(0)
                self.lines.add(line)
            case "join":
                self.readers.append(Reading(self, number % (self.lines.head + 3)))
            case "take" if self.readers:
                self.readers[number % len(self.readers)].take(1 + number % 3)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["event", "event", "piece", "join", "take", "take"]),
        st.integers(0, 50),
    ),
    max_size=60,
)


@unhurried
@given(st.integers(0, 10), ACTS)
@example(0, [("event", 0), ("piece", 0), ("join", 0)])
def test_each_who_follows_lines_gets_each_event_once_and_all_in_order(
    after: int, acts: list[Act]
) -> None:
    """However slow they are, and wherever they go on; so it is with pieces."""
    world = World(after)
    for act in acts:
        world.act(act)
    for reader in world.readers:
        for _ in range(len(world.happened)):
            if reader.is_behind():
                reader.take(2)
        reader.take(2)

        events = [n for n in reader.given if world.happened[n]]
        pieces = [n for n in reader.given if not world.happened[n]]
        assert [world.happened[n] for n in events] == [
            seq for seq in world.known if seq > reader.after
        ]
        # The events that there were before anybody followed are older than any piece.
        new = [n for n in reader.given if not 0 < world.happened[n] <= after]
        assert new == sorted(set(new))
        assert all(n >= reader.from_at for n in pieces)


@unhurried
@given(ACTS)
def test_lines_are_no_more_than_they_may_be(acts: list[Act]) -> None:
    """Whoever was given nothing yet is given all that is there."""
    world = World(0)
    for act in acts:
        world.act(act)
        there = world.lines.take(Place(0, 0)) or b""
        assert len(there.split()) <= MOST
        assert len(there) <= SIZE or len(there.split()) == 1


# -- With a journal and a loop ---------------------------------------------------------


class Book:
    """A job whose run is in a journal, and that is followed as jobs are."""

    def __init__(self) -> None:
        self.journal = zg.MemoryJournal()
        self.engine = self
        self.hears: set[Callable[[zg.TextDelta], None]] = set()
        self.read = 0

    def watch(self, job_id: str, after: int) -> AsyncGenerator[zg.Event, None]:
        return self.journal.subscribe(job_id, after)

    async def follow(
        self,
        tenant: str,
        job_id: str,
        after: int,
        send: Callable[[zg.Event], Awaitable[None]],
    ) -> None:
        self.read += 1
        async with aclosing(self.watch(job_id, after)) as events:
            async for event in events:
                await send(event)

    @contextmanager
    def hearing(
        self, job_id: str, hear: Callable[[zg.TextDelta], None]
    ) -> Iterator[None]:
        self.hears.add(hear)
        try:
            yield
        finally:
            self.hears.discard(hear)


def told(event: zg.Event, following: Following) -> bytes:
    """Return the number of an event: of those that were heeded until then."""
    last = isinstance(event, zg.RunFinished)
    return b"%d " % (1 + len(following.asked) + last)


class Client:
    """Somebody who follows, and takes what there is when it is their turn."""

    def __init__(self, feeds: Feeds, after: int) -> None:
        self.feeds = feeds
        self.after = after
        self.woken = anyio.Event()
        self.given: list[int] = []
        self.follower = feeds.join("tnt_1", "a", after, self.wake)

    def wake(self) -> None:
        self.woken.set()

    async def take(self) -> None:
        self.given += map(int, (await self.follower.more()).split())

    async def to_the_end(self) -> None:
        while True:
            self.woken = anyio.Event()
            before = len(self.given)
            await self.take()
            if len(self.given) == before:
                if self.follower.feed.over:
                    return
                await self.woken.wait()


TURNS = st.lists(
    st.tuples(
        st.sampled_from(["append", "append", "join", "take", "leave", "breathe"]),
        st.integers(0, 30) | st.just(600),
    ),
    max_size=25,
)


@settings(unhurried, max_examples=40)
@given(TURNS)
def test_each_stream_gets_each_event_once_whatever_the_others_do(
    turns: list[tuple[str, int]],
) -> None:
    """Whoever joins, goes on, is slow or leaves while a job goes on."""
    anyio.run(followed, turns)


async def followed(turns: list[tuple[str, int]]) -> None:
    book = Book()
    feeds = Feeds(cast(Jobs, book), told, lambda _job, _delta: b"")
    clients: list[Client] = []
    await book.journal.create(accepted("a"))
    epoch, last = await book.journal.claim("a"), 1
    for name, number in turns:
        match name:
            case "append":
                new = range(last + 1, last + 2 + number)
                events = [question(seq) for seq in new]
                await book.journal.append("a", epoch, events)
                last = new[-1]
            case "join":
                clients.append(Client(feeds, min(number, last)))
            case "take" if clients:
                await clients[number % len(clients)].take()
            case "leave" if clients:
                client = clients.pop(number % len(clients))
                feeds.leave(client.follower)
                assert (
                    client.given
                    == [*range(client.after + 1, last + 1)][: len(client.given)]
                )
            case "breathe":
                for _ in range(number % 30):
                    await anyio.lowlevel.checkpoint()
    end = zg.RunFinished(seq=last + 1, run_id="a", output="done")
    await book.journal.append("a", epoch, [end])
    await finish(feeds, clients, last)
    assert not book.hears


async def finish(feeds: Feeds, clients: list[Client], last: int) -> None:
    """See that all get what is left, and let them go."""
    async with anyio.create_task_group() as group:
        for client in clients:
            group.start_soon(client.to_the_end)
    for client in clients:
        assert client.given == [*range(client.after + 1, last + 2)]
        feeds.leave(client.follower)
    await anyio.lowlevel.checkpoint()


def question(seq: int) -> zg.Event:
    return zg.InputRequested(
        seq=seq, run_id="a", step="work", call_key=str(seq), question="?"
    )
