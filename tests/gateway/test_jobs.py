"""Jobs over HTTP: the client's contract, and what stands beside it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway.asking import ADA
from gateway.working import EVE, Bench, Gatekeeper, bench, make_tenants

from zg_plugins_builtin.gateway.database import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> AsyncGenerator[Bench, None]:
    await make_tenants(database)
    async with bench(database, tmp_path) as made:
        yield made


async def test_an_objective_is_answered_as_the_client_says(service: Bench) -> None:
    answer = await service.post("Say hello", priority="normal")
    job = answer.json()

    assert answer.status_code == 200
    assert re.fullmatch(r"job_[0-9a-f]{32}", job["job_id"])
    assert answer.headers["location"] == f"/api/v1/job/{job['job_id']}"
    assert (job["status"], job["objective"]) == ("queued", "Say hello")
    assert list(job)[:4] == ["job_id", "status", "progress", "result"]


async def test_a_job_is_done_and_shows_what_it_gave(service: Bench) -> None:
    done = await service.done("Say hello", metadata={"case": "7"})
    shown = await service.ask("GET", f"/job/{done['job_id']}")

    assert shown.json() == done
    assert (done["status"], done["state"]) == ("completed", "succeeded")
    assert (done["progress"], done["result"]) == (1.0, "Hello.")
    assert done["completed_at"] is not None
    assert done["metadata"] == {"case": "7"}
    assert "retry-after" not in shown.headers


async def test_a_failed_run_is_a_failed_job(service: Bench) -> None:
    done = await service.done(agent="broken")

    assert (done["status"], done["state"]) == ("failed", "failed")
    assert done["error"]["code"] == "job_failed"
    assert done["progress"] < 1


async def test_preferring_async_is_202_and_waiting_waits(service: Bench) -> None:
    at_once = await service.post(headers={"prefer": "respond-async"})
    waited = await service.post(headers={"prefer": "wait=20"})

    assert at_once.status_code == 202
    assert at_once.headers["preference-applied"] == "respond-async"
    assert (waited.status_code, waited.json()["status"]) == (200, "completed")


DEEP: Any = 1
for name in "ihgfedcba":
    DEEP = {name: DEEP}
REFUSED = [
    ({"priority": "urgent"}, "/priority"),
    ({"agent": "nobody"}, "/agent"),
    ({"agent": None, "workflow": "nothing"}, "/workflow"),
    ({"unknown": 1}, "/unknown"),
    # What would be looked away from is refused: it is not done as was asked.
    ({"thread_id": "thr_1"}, "/thread_id"),
    ({"tools": ["send"]}, "/tools"),
    ({"attachments": []}, "/attachments"),
    ({"metadata": {"A B": "x"}}, "/metadata/A B/[key]"),
    ({"budget": {"max_tokens": 0}}, "/budget/max_tokens"),
    ({"output_schema": DEEP}, "/output_schema"),
    ({"output_schema": {"type": "nonsense"}}, "/output_schema"),
    ({"run_after": 2_000_000_000}, "/run_after"),
    ({"run_after": "9999-12-31T23:59:59-14:00"}, "/run_after"),
    *(
        ({"objective": said}, "/objective")
        for said in ("", "   ", "a\x00b", "x" * 16_001, "a\x85b")
    ),
]


async def test_what_is_not_valid_is_refused_whole(service: Bench) -> None:
    for sent, pointer in REFUSED:
        answer = await service.post(**{"objective": "Say hello", **sent})

        told = answer.json()
        assert (answer.status_code, told["code"]) == (422, "validation_error"), sent
        assert told["errors"][0]["pointer"] == pointer
    assert (await service.ask("GET", "/jobs")).json()["data"] == []


async def test_a_callback_may_not_lead_inside(service: Bench) -> None:
    answer = await service.post(callback_url="https://127.0.0.1/hook")

    assert answer.json()["code"] == "callback_url_forbidden"


async def test_what_is_urgent_takes_a_scope(service: Bench) -> None:
    refused = await service.post(priority="high", who="Bearer mel")
    taken = await service.post(priority="high")

    assert (refused.status_code, taken.status_code) == (403, 200)


# -- Idempotency ---------------------------------------------------------------------


async def test_the_same_key_is_the_same_job(service: Bench) -> None:
    key = {"idempotency-key": "once"}
    first = await service.post("Say hello", headers=key)
    await service.until(first.json()["job_id"], "succeeded")
    again = await service.post("Say hello", headers=key)
    other = await service.post("Say something else", headers=key)
    elsewhere = await service.post("Other", headers=key, who="Bearer eve")

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert (other.status_code, other.json()["code"]) == (
        422,
        "idempotency_key_reused",
    )
    assert elsewhere.json()["job_id"] != first.json()["job_id"]


@pytest.mark.heavy  # every day over sockets: see test_bad_input
async def test_a_hundred_at_once_with_one_key_are_one_job(service: Bench) -> None:
    found: list[str] = []

    async def one() -> None:
        answer = await service.post(headers={"idempotency-key": '"k"'})
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["job_id"])

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(one)

    listed = await service.ask("GET", "/jobs")
    assert len(found) == 100
    assert {job["job_id"] for job in listed.json()["data"]} == set(found)
    assert len(set(found)) == 1


async def test_what_is_no_key_is_refused(service: Bench) -> None:
    for key in ("a b", "", "x" * 256, "\xe4".encode()):
        answer = await service.post(headers={"idempotency-key": key})

        assert answer.status_code == 422, key


# -- Looking -------------------------------------------------------------------------


async def test_what_has_not_changed_is_304(service: Bench) -> None:
    done = await service.done()
    path = f"/job/{done['job_id']}"
    first = await service.ask("GET", path)
    known = {**ADA, "if-none-match": first.headers["etag"]}
    again = await service.ask("GET", path, headers=known)

    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["etag"] == f'"v{done["version"]}"'


async def test_a_long_poll_ends_with_a_change(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    gate = Gatekeeper()
    async with bench(database, tmp_path, writer=gate) as service:
        job = (await service.post()).json()
        running = await service.until(job["job_id"], "running")
        path, answers = f"/job/{job['job_id']}", []

        async def poll() -> None:
            headers = {**ADA, "prefer": "wait=20"}
            answers.append(await service.ask("GET", path, headers=headers))

        async with anyio.create_task_group() as group:
            group.start_soon(poll)
            await anyio.sleep(0)
            gate.open.set()

        assert answers[0].json()["version"] > running["version"]


async def test_lists_go_by_pages_that_only_we_can_write(service: Bench) -> None:
    made = [(await service.done(f"Say {n}"))["job_id"] for n in range(3)]
    first = (await service.ask("GET", "/jobs?limit=2")).json()
    rest = (
        await service.ask("GET", f"/jobs?limit=2&cursor={first['next_cursor']}")
    ).json()
    forged = await service.ask("GET", f"/jobs?cursor={first['next_cursor'][:-1]}A")
    other = await service.ask("GET", f"/jobs?order=asc&cursor={first['next_cursor']}")
    theirs = await service.ask(
        "GET", f"/jobs?cursor={first['next_cursor']}", headers=EVE
    )

    shown = [job["job_id"] for job in (*first["data"], *rest["data"])]
    assert shown == made[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert {forged.status_code, other.status_code, theirs.status_code} == {422}


async def test_lists_are_filtered(service: Bench) -> None:
    red = await service.done(metadata={"colour": "red"}, priority="low")
    await service.done(metadata={"colour": "blue"})
    await service.done(agent="broken")

    async def found(query: str) -> set[str]:
        answer = await service.ask("GET", f"/jobs?{query}")
        return {job["job_id"] for job in answer.json()["data"]}

    assert await found("metadata.colour=red") == {red["job_id"]}
    assert await found("priority=low&status=completed") == {red["job_id"]}
    assert len(await found("status=failed")) == 1
    assert await found("state=running") == set()
    assert len(await found(f"created_before={red['completed_at']}")) >= 1
    assert await found("agent=writer&metadata.colour=green") == set()
    wrong = await service.ask("GET", "/jobs?metadata.a'b=1")
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    "name", ["agent", "metadata.colour", "status", "state", "created_after", "cursor"]
)
async def test_no_filter_takes_what_no_database_takes(
    service: Bench, name: str
) -> None:
    answer = await service.ask("GET", f"/jobs?{name}=%00")

    assert answer.status_code == 422


async def test_usage_and_files_are_told(service: Bench) -> None:
    done = await service.done()
    path = f"/job/{done['job_id']}"
    usage = (await service.ask("GET", f"{path}/usage")).json()
    listed = (await service.ask("GET", f"{path}/artifacts")).json()["data"]
    file = await service.ask("GET", listed[0]["href"].removeprefix("/api/v1"))
    wrong = await service.ask("GET", f"{path}/artifacts/art_{'0' * 32}")

    assert [row["model"] for row in usage["data"]] == ["scripted:any"]
    assert usage["data"][0]["calls"] == 1
    assert listed[0]["path"] == "notes.txt"
    assert (file.status_code, file.content) == (200, b"Hello.")
    assert file.headers["content-disposition"].startswith("attachment")
    assert file.headers["content-security-policy"].startswith("sandbox")
    assert wrong.status_code == 404


async def test_a_file_that_was_changed_is_not_served(
    service: Bench, tmp_path: Path
) -> None:
    done = await service.done()
    listed = await service.ask("GET", f"/job/{done['job_id']}/artifacts")
    kept = tmp_path / "out" / done["job_id"] / "notes.txt"
    secret = tmp_path / "secret"
    secret.write_text("secret")
    kept.unlink()
    kept.symlink_to(secret)
    href = listed.json()["data"][0]["href"].removeprefix("/api/v1")

    assert (await service.ask("GET", href)).status_code == 404


async def test_the_catalogue_says_what_there_is(service: Bench) -> None:
    agents = (await service.ask("GET", "/agents")).json()["data"]
    one = await service.ask("GET", "/agents/writer")
    none = await service.ask("GET", "/agents/nobody")
    tools = await service.ask("GET", "/tools")

    assert {"writer", "asker"} <= {agent["name"] for agent in agents}
    assert one.json() in agents
    assert (none.status_code, tools.status_code) == (404, 200)


# -- Steering ------------------------------------------------------------------------


async def test_a_running_job_is_cancelled(database: Database, tmp_path: Path) -> None:
    await make_tenants(database)
    async with bench(database, tmp_path, writer=Gatekeeper()) as service:
        job_id = (await service.post()).json()["job_id"]
        await service.until(job_id, "running")
        reason = {"reason": "not needed"}
        answer = await service.ask("POST", f"/job/{job_id}/cancel", json=reason)
        job = await service.until(job_id, "cancelled")
        again = await service.ask("POST", f"/job/{job_id}/cancel")

    assert answer.status_code in (200, 202)
    assert (job["status"], job["error"]["code"]) == ("failed", "cancelled")
    assert job["error"]["detail"] == "not needed"
    assert again.status_code == 200


async def test_a_waiting_job_is_cancelled_at_once(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    async with bench(database, tmp_path, working=False) as service:
        job_id = (await service.post()).json()["job_id"]
        answer = await service.ask("POST", f"/job/{job_id}/cancel")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


async def test_what_has_ended_is_not_cancelled(service: Bench) -> None:
    done = await service.done()
    answer = await service.ask("POST", f"/job/{done['job_id']}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_cancellable")


async def test_a_job_is_tried_again_as_a_job_of_its_own(service: Bench) -> None:
    done = await service.done(agent="broken", metadata={"a": "b"})
    path = f"/job/{done['job_id']}/retry"
    again = await service.ask("POST", path, headers={**ADA, "idempotency-key": "r"})
    same = await service.ask("POST", path, headers={**ADA, "idempotency-key": "r"})

    assert again.status_code == 202
    job = again.json()
    assert job["parent_job_id"] == done["job_id"]
    assert (job["attempt"], job["metadata"]) == (2, {"a": "b"})
    assert same.json() == job


async def test_a_deleted_job_is_gone_everywhere(service: Bench, tmp_path: Path) -> None:
    key = {"idempotency-key": "k"}
    done = await service.done(headers=key)
    path = f"/job/{done['job_id']}"
    deleted = await service.ask("DELETE", path)

    assert deleted.status_code == 204
    assert not (tmp_path / "out" / done["job_id"]).exists()
    assert await service.engine.journal.list() == []
    for below in ("", "/events", "/usage", "/artifacts"):
        assert (await service.ask("GET", path + below)).status_code == 404
    assert (await service.post(headers=key)).status_code == 409


async def test_only_what_has_ended_is_deleted_or_tried_again(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    async with bench(database, tmp_path, working=False) as service:
        job_id = (await service.post()).json()["job_id"]
        deleted = await service.ask("DELETE", f"/job/{job_id}")
        again = await service.ask("POST", f"/job/{job_id}/retry")

    assert deleted.json()["code"] == again.json()["code"] == "job_not_terminal"


# -- Others --------------------------------------------------------------------------

ROUTES = [
    ("GET", "/job/{}", None),
    ("POST", "/job/{}/cancel", None),
    ("DELETE", "/job/{}", None),
    ("POST", "/job/{}/retry", None),
    ("GET", "/job/{}/events", None),
    ("GET", "/job/{}/usage", None),
    ("GET", "/job/{}/artifacts", None),
    ("GET", f"/job/{{}}/artifacts/art_{'0' * 32}", None),
    ("GET", "/job/{}/inputs", None),
    ("POST", "/job/{}/input", {"interrupt_id": f"inp_{'0' * 32}", "payload": 1}),
]


async def test_what_is_not_yours_is_not_there(service: Bench) -> None:
    theirs = (await service.done())["job_id"]
    nobodys = f"job_{'0' * 31}1"
    for method, path, body in ROUTES:
        for accept in ("application/json", "text/event-stream"):
            headers = {**EVE, "accept": accept}
            sent = {"json": body} if body else {}
            answers = [
                await service.ask(method, path.format(job), headers=headers, **sent)
                for job in (theirs, nobodys)
            ]

            assert {a.status_code for a in answers} == {404}, (method, path)
            bodies = [answer.json() for answer in answers]
            for told in bodies:
                del told["instance"], told["request_id"]
            assert bodies[0] == bodies[1]
    assert (await service.ask("GET", "/jobs", headers=EVE)).json()["data"] == []
