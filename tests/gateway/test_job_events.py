"""What happens in jobs, as it is streamed: every event once, and in order."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway.asking import ADA
from gateway.streaming import Reader, eventually, parsed, reading
from gateway.working import Bench, Gatekeeper, bench, make_tenants

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.jobs.desk import Desk

pytestmark = pytest.mark.anyio
STREAM = {**ADA, "accept": "text/event-stream"}


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> AsyncGenerator[Bench, None]:
    await make_tenants(database)
    async with bench(database, tmp_path) as made:
        yield made


async def test_a_stream_has_every_event_once_and_ends(service: Bench) -> None:
    done = await service.done()
    path = f"/job/{done['job_id']}/events"
    answer = await service.ask("GET", path, headers=STREAM)
    *told, end = parsed(answer.text)

    assert answer.text.startswith("retry: 2000\n\n")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert [int(event["id"]) for event in told] == list(range(1, len(told) + 1))
    assert (told[0]["event"], told[-1]["event"]) == ("job.queued", "job.completed")
    assert end["event"] == "stream.end"
    last = json.loads(told[-1]["data"])
    assert (last["state"], last["data"]["result"]) == ("succeeded", "Hello.")
    assert {"message.completed", "artifact.created", "job.progress"} <= {
        event["event"] for event in told
    }


async def test_a_cut_stream_goes_on_where_it_was(service: Bench) -> None:
    done = await service.done()
    path = f"/job/{done['job_id']}/events"
    whole = parsed((await service.ask("GET", path, headers=STREAM)).text)[:-1]
    for place in (1, 3, len(whole) - 1):
        by_header = await service.ask(
            "GET", path, headers={**STREAM, "last-event-id": str(place)}
        )
        by_query = await service.ask("GET", f"{path}?after={place}", headers=STREAM)

        assert parsed(by_header.text)[:-1] == whole[place:]
        assert by_query.text == by_header.text
    end = {**STREAM, "last-event-id": whole[-1]["id"]}

    assert (await service.ask("GET", path, headers=end)).status_code == 204


async def test_a_place_that_is_none_is_refused(service: Bench) -> None:
    done = await service.done()
    for place in ("x", "-1", "1" * 40, "²"):
        headers = {**STREAM, "last-event-id": place.encode()}
        path = f"/job/{done['job_id']}/events"
        answer = await service.ask("GET", path, headers=headers)

        assert answer.status_code == 422, place


async def test_events_come_as_pages_too(service: Bench) -> None:
    done = await service.done()
    path = f"/job/{done['job_id']}/events"
    streamed = parsed((await service.ask("GET", path, headers=STREAM)).text)[:-1]
    paged: list[Any] = []
    more = True
    while more:
        after = paged[-1]["seq"] if paged else 0
        page = (await service.ask("GET", f"{path}?limit=3&after={after}")).json()
        paged += page["data"]
        more = page["has_more"]

    assert paged == [json.loads(event["data"]) for event in streamed]


async def test_a_stream_that_was_opened_before_the_job_began_sees_all_of_it(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    gate = Gatekeeper()
    async with bench(database, tmp_path, writer=gate) as service:
        job_id = (await service.post()).json()["job_id"]
        answers = []

        async def read() -> None:
            path = f"/job/{job_id}/events"
            answers.append(await service.ask("GET", path, headers=STREAM))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(read)
            await service.until(job_id, "running")
            gate.open.set()

        texts = {answer.text for answer in answers}
        assert len(texts) == 1
        assert parsed(texts.pop())[-2]["event"] == "job.completed"


async def test_streams_end_with_the_service(database: Database, tmp_path: Path) -> None:
    await make_tenants(database)
    async with bench(database, tmp_path, writer=Gatekeeper()) as service:
        job_id = (await service.post()).json()["job_id"]
        await service.until(job_id, "running")
        service.services.stopping.begin()
        path = f"/job/{job_id}/events"
        with anyio.fail_after(5):
            answer = await service.ask("GET", path, headers=STREAM)

    assert "retry: 500" in answer.text
    assert "stream.end" not in answer.text


async def test_answers_are_read_along_while_they_come(
    database: Database, tmp_path: Path
) -> None:
    async def says(ctx: zg.Context) -> zg.Reply:
        await gate.run(ctx)
        text = ""
        async for chunk in ctx.stream([zg.Message.user(ctx.prompt)]):
            text += chunk.text
        await heard.run(ctx)
        return zg.Reply(output=text)

    def hear(delta: zg.TextDelta) -> None:
        heard.open.set()

    await make_tenants(database)
    gate, heard = Gatekeeper(), Gatekeeper()
    async with bench(database, tmp_path, writer=says) as service:
        job_id = (await service.post()).json()["job_id"]
        answers = []

        async def read() -> None:
            path = f"/job/{job_id}/events"
            answers.append(await service.ask("GET", path, headers=STREAM))

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await service.until(job_id, "running")
            while not service.reads_along(job_id):
                await anyio.sleep(0.01)
            with service.jobs.hearing(job_id, hear):
                gate.open.set()
                await heard.open.wait()

    told = parsed(answers[0].text)
    deltas = [event for event in told if event["event"] == "message.delta"]
    said = [json.loads(event["data"])["data"]["delta"] for event in deltas]
    numbers = [int(event["id"]) for event in told if "id" in event]
    assert "".join(said) == "Hello."
    assert all("id" not in event for event in deltas)
    assert numbers == list(range(1, len(numbers) + 1))


async def test_who_hears_of_the_end_finds_the_job_ended(
    service: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Desk.follow

    async def slowly(desk: Desk, job_id: str, following: Any, **more: Any) -> Any:
        if following.ended:
            await anyio.sleep(0.3)
        return await written(desk, job_id, following, **more)

    async def hear(event: zg.Event) -> None:
        found.append((type(event), (await service.jobs.get("tnt_1", job_id)).ended))

    monkeypatch.setattr(Desk, "follow", slowly)
    found: list[tuple[type, bool]] = []
    job_id = (await service.post()).json()["job_id"]
    with anyio.fail_after(10):
        await service.jobs.follow("tnt_1", job_id, 0, hear)

    assert found[-1] == (zg.RunFinished, True)


async def test_who_has_seen_what_never_was_is_told_where_they_are(
    service: Bench,
) -> None:
    done = await service.done()
    path = f"/job/{done['job_id']}/events"
    events = (await service.ask("GET", f"{path}?limit=1000")).json()["data"]
    last = len(events)

    beyond = {**STREAM, "last-event-id": str(last + 1)}
    reset, end = parsed((await service.ask("GET", path, headers=beyond)).text)
    page = await service.ask("GET", f"{path}?after={last + 1}")
    at_end = await service.ask("GET", f"{path}?after={last}", headers=STREAM)

    assert (reset["event"], reset["id"]) == ("stream.reset", str(last))
    told = json.loads(reset["data"])["data"]
    assert told == {"snapshot": done, "resume_after": last}
    assert end["event"] == "stream.end"
    assert (page.status_code, page.json()["code"]) == (410, "cursor_gone")
    assert at_end.status_code == 204


async def test_who_comes_from_another_job_goes_on_with_what_comes(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    gate = Gatekeeper()
    async with bench(database, tmp_path, writer=gate) as service:
        job_id = (await service.post()).json()["job_id"]
        await service.until(job_id, "running")
        answers = []

        async def read() -> None:
            headers = {**STREAM, "last-event-id": "9000"}
            path = f"/job/{job_id}/events"
            answers.append(await service.ask("GET", path, headers=headers))

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            while not service.reads_along(job_id):
                await anyio.sleep(0.01)
            gate.open.set()

    reset, *told = parsed(answers[0].text)
    numbers = [int(event["id"]) for event in told if "id" in event]
    first = json.loads(reset["data"])["data"]["resume_after"] + 1
    assert numbers == list(range(first, first + len(numbers)))
    assert [event["event"] for event in told[-2:]] == ["job.completed", "stream.end"]


# -- Jobs that the service itself fails ------------------------------------------------

LOST = zg.WorkspaceError("its files are gone", "submit it again")


async def test_who_follows_a_job_that_the_service_fails_is_told_of_its_end(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    gate = Gatekeeper()
    async with bench(database, tmp_path, writer=gate) as service:
        job_id = (await service.post()).json()["job_id"]
        await eventually(lambda: gate.begun)
        reader = Reader(service.app, job_id)
        async with reading(reader):
            await eventually(lambda: service.reads_along(job_id))
            await service.jobs._desk.fail(job_id, LOST)
        job = (await service.ask("GET", f"/job/{job_id}")).json()

    *_, (kind, told), (end, _) = reader.told
    assert (kind, end) == ("job.failed", "stream.end")
    assert (told["state"], told["ts"]) == ("failed", job["completed_at"])
    assert told["data"]["error"] == job["error"]
    assert reader.numbers == list(range(1, len(reader.numbers) + 1))


async def test_an_end_that_only_the_service_knows_is_an_event_like_any_other(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    gate = Gatekeeper()
    async with bench(database, tmp_path, writer=gate) as service:
        job_id = (await service.post()).json()["job_id"]
        await eventually(lambda: gate.begun)
        await service.jobs._desk.fail(job_id, LOST)
        path = f"/job/{job_id}/events"
        with anyio.fail_after(10):
            whole = parsed((await service.ask("GET", path, headers=STREAM)).text)
            before_last = {**STREAM, "last-event-id": whole[-3]["id"]}
            resumed = parsed((await service.ask("GET", path, headers=before_last)).text)
            at_end = {**STREAM, "last-event-id": whole[-2]["id"]}
            over = await service.ask("GET", path, headers=at_end)
            page = (await service.ask("GET", f"{path}?limit=1000")).json()

    assert [event["event"] for event in resumed] == ["job.failed", "stream.end"]
    assert resumed == whole[-2:]
    assert over.status_code == 204
    assert page["data"] == [json.loads(event["data"]) for event in whole[:-1]]


async def test_a_job_that_failed_before_it_had_a_run_is_told_of_as_failed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refusing(*_: object, **__: object) -> str:
        raise LOST

    await make_tenants(database)
    async with bench(database, tmp_path, working=False) as service:
        monkeypatch.setattr(service.engine, "accept", refusing)
        job_id = (await service.post()).json()["job_id"]
        path = f"/job/{job_id}/events"
        told, end = parsed((await service.ask("GET", path, headers=STREAM)).text)
        page = (await service.ask("GET", path)).json()

    assert (told["id"], told["event"]) == ("1", "job.failed")
    assert end["event"] == "stream.end"
    assert page["data"] == [json.loads(told["data"])]
