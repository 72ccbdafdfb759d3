"""Streams of jobs share what they can, and none of them is in another's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway.asking import Known
from gateway.streaming import Reader, eventually, reading
from gateway.working import Bench, Gatekeeper, TwoTenants, bench, make_tenants
from starlette.requests import Request

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import UnauthenticatedError
from zg_plugins_builtin.gateway.http import event_stream, keeping, streams
from zg_plugins_builtin.gateway.http.cursors import Cursors
from zg_plugins_builtin.gateway.http.services import Services
from zg_plugins_builtin.gateway.http.settings import HttpSettings
from zg_plugins_builtin.gateway.identity.principals import Principal
from zg_plugins_builtin.gateway.jobs.desk import Desk

pytestmark = pytest.mark.anyio
MANY = 600
LONG = "and so on " * 100
LARGEST = 256 * 1024
"""Bytes that nobody is sent more of at once, where each line has less."""


class Watched(zg.MemoryJournal):
    """A journal that knows who reads it as it grows, and can fail them.

    Attributes:
        begun: How many did.
        open: How many do.
        broken: Whether those who do are told that it cannot be read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begun = self.open = 0
        self.broken = False

    async def subscribe(
        self, run_id: str, after: int = 0
    ) -> AsyncGenerator[zg.Event, None]:
        self.begun += 1
        self.open += 1
        try:
            async for event in super().subscribe(run_id, after):
                if self.broken:
                    raise zg.JournalError("it cannot be read", "try again")
                yield event
        finally:
            self.open -= 1


class Talker(Gatekeeper):
    """An agent that says much, once it is let."""

    async def run(self, ctx: zg.Context) -> zg.Reply:
        reply = await super().run(ctx)
        for number in range(MANY):
            await ctx.progress(f"step {number} {LONG}", number / MANY)
        return reply


class Forgetful(TwoTenants):
    """Knows nobody any more, from some moment on."""

    def __init__(self) -> None:
        self.knows = True
        self.refused = 0

    async def authenticate(self, credential: str, address: str | None) -> Principal:
        if not self.knows:
            self.refused += 1
            raise UnauthenticatedError("the credential is nobody's", "make another")
        return await super().authenticate(credential, address)


@pytest.fixture
async def gate() -> Talker:
    return Talker()


@pytest.fixture
def journal() -> Watched:
    return Watched()


@pytest.fixture
def authenticator() -> Forgetful:
    return Forgetful()


@pytest.fixture
async def service(
    database: Database,
    tmp_path: Path,
    gate: Talker,
    journal: Watched,
    authenticator: Forgetful,
) -> AsyncGenerator[Bench, None]:
    await make_tenants(database)
    async with bench(
        database, tmp_path, journal=journal, writer=gate, authenticator=authenticator
    ) as made:
        yield made


async def begun(service: Bench) -> str:
    """Return a job that is under way, and waits after its third event."""
    job_id = str((await service.post()).json()["job_id"])
    await service.until(job_id, "running")
    with anyio.fail_after(10):
        while len(await service.jobs.events("tnt_1", job_id)) < 3:
            await anyio.sleep(0.005)
    return job_id


async def test_all_streams_of_a_job_read_it_once(
    service: Bench, gate: Talker, journal: Watched
) -> None:
    job_id = await begun(service)
    readers = [Reader(service.app, job_id, after=n) for n in (0, 0, 1, 2)]
    async with reading(*readers):
        gate.open.set()

    whole = readers[0].numbers
    assert len(whole) > MANY
    assert whole == list(range(1, len(whole) + 1))
    assert [reader.numbers for reader in readers] == [
        whole,
        whole,
        whole[1:],
        whole[2:],
    ]
    assert readers[0].text == readers[1].text
    assert journal.begun == 1


async def test_the_reader_of_a_job_ends_with_the_last_stream(
    service: Bench, journal: Watched
) -> None:
    job_id = await begun(service)
    first, second = Reader(service.app, job_id), Reader(service.app, job_id)
    async with reading(first, second):
        first.leave()
        await eventually(lambda: service.services.streams.open == 1)
        assert journal.open == 1
        second.leave()
        await eventually(lambda: not journal.open)
        assert service.services.streams.open == 0
        assert not service.reads_along(job_id)


async def test_nothing_goes_on_after_the_last_stream(service: Bench) -> None:
    job_id = await begun(service)
    before = asyncio.all_tasks()
    readers = [Reader(service.app, job_id, who=who) for who in ("ada", "ada", "mel")]
    async with reading(*readers):
        for reader in readers:
            reader.leave()

    await eventually(lambda: asyncio.all_tasks() <= before)


async def test_who_does_not_read_is_in_nobodys_way_and_misses_nothing(
    service: Bench, gate: Talker
) -> None:
    job_id = await begun(service)
    slow, fast = Reader(service.app, job_id), Reader(service.app, job_id)
    async with reading(slow, fast):
        await eventually(lambda: slow.numbers)
        slow.reads = anyio.Event()
        gate.open.set()
        await eventually(lambda: fast.ended)
        had = len(slow.numbers)
        slow.reads.set()

    assert had < len(fast.numbers) / 2
    assert max(map(len, slow.parts)) < LARGEST < len(slow.text)
    assert slow.numbers == fast.numbers == list(range(1, len(fast.numbers) + 1))
    assert [told for told in slow.told if "seq" in told[1]] == [
        told for told in fast.told if "seq" in told[1]
    ]


async def test_a_stream_that_begins_behind_the_others_has_all_of_it(
    service: Bench, gate: Talker
) -> None:
    job_id = await begun(service)
    first = Reader(service.app, job_id, after=3)
    async with reading(first):
        gate.open.set()
        await eventually(lambda: len(first.numbers) > MANY / 2)
        late = [Reader(service.app, job_id, after=n) for n in (0, 1, 50)]
        async with reading(*late):
            pass

    last = first.numbers[-1]
    assert first.numbers == list(range(4, last + 1))
    assert [reader.numbers for reader in late] == [
        list(range(n + 1, last + 1)) for n in (0, 1, 50)
    ]


async def test_a_stream_ends_where_the_journal_cannot_be_read_and_begins_again(
    service: Bench, gate: Talker, journal: Watched
) -> None:
    job_id = await begun(service)
    cut, stuck = Reader(service.app, job_id), Reader(service.app, job_id)
    again = Reader(service.app, job_id, after=1)
    stuck.reads = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(stuck.run)
        await eventually(lambda: service.services.streams.open == 1)
        async with reading(cut):
            journal.broken = True
            gate.open.set()
        journal.broken = False
        async with reading(again):
            pass
        stuck.reads.set()

    assert cut.ended
    assert "stream.end" not in cut.text + stuck.text
    assert again.told[-1] == ("stream.end", {})
    assert again.numbers == list(range(2, len(again.numbers) + 2))


async def test_streams_end_when_their_credential_is_no_longer_good(
    service: Bench, authenticator: Forgetful, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_KNOWN_FOR", 0.02)
    job_id = await begun(service)
    readers = [Reader(service.app, job_id) for _ in range(3)]
    async with reading(*readers):
        authenticator.knows = False

    assert all(reader.ended for reader in readers)
    assert all("stream.end" not in reader.text for reader in readers)
    assert authenticator.refused == 1  # asked once for all of them


async def test_streams_of_others_go_on_when_a_credential_is_no_longer_good(
    database: Database,
    tmp_path: Path,
    gate: Talker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class ForgetsMel(TwoTenants):
        knows = True

        async def authenticate(self, credential: str, address: str | None) -> Principal:
            if credential == "mel" and not self.knows:
                raise UnauthenticatedError("the credential is nobody's", "")
            return await super().authenticate(credential, address)

    monkeypatch.setattr(streams, "_KNOWN_FOR", 0.02)
    known = ForgetsMel()
    await make_tenants(database)
    async with bench(database, tmp_path, writer=gate, authenticator=known) as service:
        job_id = await begun(service)
        ada, mel = (Reader(service.app, job_id, who=who) for who in ("ada", "mel"))
        async with reading(ada, mel):
            known.knows = False
            await eventually(lambda: mel.ended)
            gate.open.set()

    assert ada.told[-1] == ("stream.end", {})
    assert "job.completed" not in mel.text


async def test_a_token_that_is_over_is_not_asked_for_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is good for some seconds after its time, so that clocks may differ."""

    async def slept(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            raise UnauthenticatedError("the credential is nobody's", "")

    pauses: list[float] = []
    known = Known()
    services = Services(
        settings=HttpSettings(), authenticator=known, cursors=Cursors(b"k" * 32)
    )
    over = replace(Principal.operator("tnt_1"), expires_at=services.clock.now())
    monkeypatch.setattr(anyio, "sleep", slept)
    headers = [(b"authorization", b"Bearer ada")]
    request = Request({"type": "http", "headers": headers, "client": None})
    with pytest.raises(UnauthenticatedError):
        await streams.until_unknown(services, request, over)

    assert min(pauses) >= 1


async def test_a_stream_in_which_nothing_happens_says_that_it_is_there(
    service: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE", 0)
    monkeypatch.setattr(keeping, "_TICK", 0.01)
    job_id = await begun(service)
    readers = [Reader(service.app, job_id) for _ in range(3)]
    async with reading(*readers):
        for reader in readers:
            await eventually(lambda r=reader: r.text.count(": ka\n\n") > 1)
            reader.leave()


async def test_all_streams_end_with_the_service(service: Bench) -> None:
    job_id = await begun(service)
    readers = [Reader(service.app, job_id) for _ in range(5)]
    async with reading(*readers):
        service.services.stopping.begin()

    assert all(reader.text.endswith("retry: 500\n\n") for reader in readers)
    assert service.services.streams.open == 0


@pytest.mark.parametrize("address", [None, "sqlite:///{}/runs.db"])
async def test_pieces_of_an_answer_come_before_it_however_busy_the_service_is(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str | None,
) -> None:
    async def says(ctx: zg.Context) -> zg.Reply:
        await gate.run(ctx)
        await ctx.write_artifact("notes.txt", "so far")  # which is told at once
        async for _ in ctx.stream([zg.Message.user(ctx.prompt)]):
            pass
        return zg.Reply(output="said")

    async def slowly(desk: Desk, *given: Any, **more: Any) -> Any:
        await anyio.sleep(0.2)
        return await written(desk, *given, **more)

    written, gate = Desk.follow, Gatekeeper()
    await make_tenants(database)
    journal = address and address.format(tmp_path)
    said = ("One two three four.",)
    async with bench(
        database, tmp_path, answers=said, journal=journal, writer=says
    ) as service:
        job_id = await begun(service)
        reader = Reader(service.app, job_id)
        async with reading(reader):
            await eventually(lambda: reader.numbers)
            monkeypatch.setattr(Desk, "follow", slowly)
            gate.open.set()

    kinds = [kind for kind, _ in reader.told]
    pieces = [told["data"]["delta"] for kind, told in reader.told if "delta" in kind]
    assert ("".join(pieces),) == said
    assert kinds.index("message.completed") > max(
        at for at, kind in enumerate(kinds) if kind == "message.delta"
    )
