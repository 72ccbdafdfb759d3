"""Gateways and workers that share a PostgreSQL server: they die, freeze, and change."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import httpx2
import pytest
from gateway.machines import Machines, machines, until
from gateway.people import GOOD
from gateway.serving import Serving

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(400)]
SLOTS = 5
"""How many jobs each worker does at once."""
WIDTH = 2
"""How many calls of the model a job has in flight at once, in the default workflow."""
CONNECTIONS = 21
"""How many connections a process holds at most, as `many-machines.md` says."""


@pytest.fixture(scope="module")
def all_of_them() -> Iterator[Machines]:
    """The servers, and processes that go from one test to the next."""
    with machines(latency=1.0) as made:
        yield made


@pytest.fixture
def on(all_of_them: Machines) -> Iterator[Machines]:
    yield all_of_them
    print(all_of_them.said()[-20_000:])


def had(on: Machines) -> Counter[str]:
    """Return how many jobs each worker has."""
    return on.counted("worker_id", "worker_id IS NOT NULL")


def takes(on: Machines) -> Counter[int]:
    """Return how many jobs were taken how often."""
    return on.counted("takes")


def both_full(on: Machines, gateway: Serving) -> Counter[str]:
    """Give two workers as much as they can do; return how much each has of it."""
    for number in range(2 * SLOTS):
        on.post(gateway, f"Do {number}", agent=None)
    waiting = "NOT begun AND completed_at IS NULL"
    until(lambda: not on.counted("begun", waiting), why="all are begun")
    return had(on)


def repeated(on: Machines) -> int:
    """Return how many calls of the model were made twice; none was oftener."""
    asked = on.asked()
    assert max(asked.values()) <= 2, asked.most_common(3)
    return sum(asked.values()) - len(asked)


# -- Workers ---------------------------------------------------------------------------


def test_what_a_killed_worker_had_another_goes_on_with_from_the_journal(
    on: Machines,
) -> None:
    (gateway,), workers = on.ready(1, 2, slots=SLOTS)
    before = both_full(on, gateway)
    workers[0].kill()
    until(lambda: takes(on)[2] > 0 and len(had(on)) < 2, why="the other has all")
    on.all_done(2 * SLOTS)

    again = takes(on)[2]
    assert len(before) == 2
    assert takes(on) == {1: 2 * SLOTS - again, 2: again}
    assert 1 <= again <= SLOTS
    assert on.ends() == {1: 2 * SLOTS}
    assert repeated(on) <= WIDTH * again  # those that were in flight


def test_a_worker_that_was_only_frozen_is_fenced_off(on: Machines) -> None:
    (gateway,), (frozen, _) = on.ready(1, 2, slots=SLOTS)
    both_full(on, gateway)
    frozen.signal(signal.SIGSTOP)
    try:
        until(lambda: takes(on)[2] > 0 and len(had(on)) < 2, why="the other has all")
    finally:
        frozen.signal(signal.SIGCONT)
    on.all_done(2 * SLOTS)

    assert on.ends() == {1: 2 * SLOTS}
    assert set(takes(on)) == {1, 2}
    assert repeated(on) <= WIDTH * takes(on)[2]
    on.ready(1, 2)  # and it works again
    until(lambda: on.rows(LIVING, SLOTS) == [(2,)], why="both live")
    assert len(both_full(on, gateway)) == 2
    on.all_done(2 * SLOTS)


LIVING = """SELECT count(*) FROM job_workers WHERE slots = %s
    AND seen_at > extract(epoch FROM clock_timestamp()) * 1000 - 5000"""


def test_a_worker_that_is_told_to_end_loses_nothing_that_was_paid_for(
    on: Machines,
) -> None:
    (gateway,), workers = on.ready(1, 2, slots=SLOTS)
    both_full(on, gateway)
    code, seconds = workers[0].end()
    on.all_done(2 * SLOTS)

    assert code == 0
    assert seconds < 20
    assert takes(on)[2] > 0
    assert repeated(on) == 0
    assert on.ends() == {1: 2 * SLOTS}


# -- The database ----------------------------------------------------------------------


def test_jobs_outlive_a_restart_of_the_database(on: Machines) -> None:
    gateways, _ = on.ready(1, 2, slots=SLOTS)
    for number in range(20):
        on.post(gateways[0], f"Do {number}", agent=None)
    until(lambda: had(on), why="some are begun")
    on.restart()
    on.all_done(20)

    assert on.ends() == {1: 20}
    assert repeated(on) <= 2 * SLOTS * WIDTH  # what was in flight in both workers


# -- Gateways --------------------------------------------------------------------------


def test_a_rolling_restart_loses_no_job_that_was_accepted(on: Machines) -> None:
    gateways, workers = on.ready(2, 2, slots=SLOTS)
    with posting(on, gateways) as accepted:
        news, _ = on.begin(2, 2, slots=SLOTS)
        for place in range(2):
            old, gateways[place] = gateways[place], news[place]
            old.process.send_signal(signal.SIGTERM)
            assert old.process.wait(25) == 0
            assert workers[place].end()[0] == 0
    on.all_done(len(accepted))

    assert len(accepted) >= 10
    assert on.kept() == set(accepted.values())
    assert on.ends() == {1: len(accepted)}
    assert repeated(on) == 0


@contextmanager
def posting(on: Machines, gateways: list[Serving]) -> Iterator[dict[str, str]]:
    """Submit objectives all the time, to one gateway after the other."""
    accepted: dict[str, str] = {}
    ending = threading.Event()
    wrong: list[BaseException] = []

    def submit() -> None:
        try:
            for number in count():
                if ending.is_set():
                    return
                key = f"Do {number}"
                accepted[key] = sent(on, gateways, number, key)
                ending.wait(0.2)
        except BaseException as error:  # noqa: BLE001 - the test says it
            wrong.append(error)

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        yield accepted
    finally:
        ending.set()
        thread.join()
    assert not wrong


def sent(on: Machines, gateways: list[Serving], number: int, key: str) -> str:
    """Submit an objective to whoever takes it, as a client does."""
    for attempt in range(100):
        try:
            return on.post(gateways[(number + attempt) % 2], key)
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError("nobody took it")


def test_when_one_gateway_dies_others_decide_whose_turn_it_is(on: Machines) -> None:
    gateways, _ = on.ready(2, 1, slots=SLOTS)
    for number in range(10):
        on.post(gateways[0], f"Do {number}")
    gateways[0].process.kill()
    on.post(gateways[1], "Do another")

    on.all_done(11)


def test_two_gateways_and_two_workers_are_one_service(on: Machines) -> None:
    (one, other), _ = on.ready(2, 2, slots=SLOTS)
    together = same_key_at_once(on, [one, other])
    events = followed(on, other, on.post(one, "Do this", agent=None))
    slow = on.post(one, "Do that", agent=None, key="slow")
    until(lambda: had(on), why="a worker has it")
    on.ask(other, "POST", f"/job/{slow}/cancel", {"reason": "enough"})
    until(lambda: on.states()["cancelled"] == 1, why="it is cancelled")

    assert len(together) == 1
    assert events == list(range(1, events[-1] + 1))
    assert on.ends() == {1: 3}


def same_key_at_once(on: Machines, gateways: list[Serving]) -> set[str]:
    ids: list[str] = []
    threads = [
        threading.Thread(
            target=lambda at=at: ids.append(on.post(at, "Do once", key="once"))
        )
        for at in gateways * 10
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == len(threads)
    return set(ids)


def followed(on: Machines, at: Serving, job_id: str) -> list[int]:
    """Follow a job's stream to its end; return the numbers of the events."""
    url = f"{at.address}/api/v1/job/{job_id}/events"
    headers = {
        "authorization": f"Bearer {on.secret}",
        "accept": "text/event-stream",
    }
    with httpx2.stream("GET", url, headers=headers, timeout=60) as answer:
        lines = [*answer.iter_lines()]
    return [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]


# -- Shares ----------------------------------------------------------------------------


def test_a_tenant_that_floods_takes_nothing_from_the_share_of_others(
    on: Machines,
) -> None:
    (gateway,), _ = on.ready(1, 2, slots=SLOTS)
    other = another_tenant(on, gateway)
    flood = {on.post(gateway, f"Flood {number}") for number in range(80)}
    calm = {on.post(gateway, f"Calm {number}", who=other) for number in range(20)}
    most = 0

    def all_begun() -> bool:
        nonlocal most
        most = max(most, on.connections())
        return not on.counted("state", "started_at IS NULL")

    until(all_begun, 150, "all are begun")
    on.all_done(100)

    times = "SELECT id, created_at, started_at FROM jobs WHERE id = ANY(%s) ORDER BY 3"
    order = on.rows(times, [*flood, *calm])
    own = [row for row in order if row[0] in calm]
    came, went = max(row[1] for row in own), max(row[2] for row in own)
    between = [row for row in order if came < row[2] <= went]
    shared = sum(row[0] in calm for row in between)
    # What had begun, and what was in the queue, when the last of them came.
    assert abs(len(between) - 2 * shared) <= 2 * SLOTS + 0.05 * len(between)
    assert len([row for row in order if row[2] <= went]) < 100
    assert most <= on.living() * CONNECTIONS


def another_tenant(on: Machines, at: Serving) -> str:
    """Make another tenant; return a token of its owner's."""
    email = "owner@initech.example"
    made = on.ask(
        at, "POST", "/admin/tenants", {"name": "initech", "owner_email": email}
    ).json()
    reset = {"ticket": made["invitation"]["ticket"], "password": GOOD}
    assert on.ask(at, "POST", "/auth/password/reset", reset).is_success
    login = {"email": email, "password": GOOD}
    token: str = on.ask(at, "POST", "/auth/login", login).json()["access_token"]
    return token


def test_a_run_that_is_stopped_or_put_aside_in_the_queue_is_not_done(
    on: Machines,
) -> None:
    on.ready(1, 0)
    run = ("run", "Plan it", "--agent", "architect", "--runtime", "queue")
    stopped, paused, other = (on.command(*run)["run_id"] for _ in range(3))
    on.command("runs", "cancel", stopped)
    on.command("runs", "pause", paused)
    on.ready(1, 1)

    def status(run_id: str) -> str:
        told: str = on.command("runs", "show", run_id)["status"]
        return told

    until(lambda: status(other) == "completed", why="the other one is done")
    assert (status(stopped), status(paused)) == ("cancelled", "paused")
