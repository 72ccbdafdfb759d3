"""The laws of webhooks, whatever happens in which order.

No message is sent before its time, under another id or with another body, nor to an
endpoint that is disabled; and what is not given up or taken back arrives.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from gateway.posting import Post, Posted, answer
from gateway.watches import Watch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.egress.sending import Answer
from zg_plugins_builtin.gateway.webhooks.claims import LEASE
from zg_plugins_builtin.gateway.webhooks.schedule import DELAYS, TRIES

T = TypeVar("T")
ENDPOINTS = ("https://a.example.com/", "https://b.example.com/")
CALLBACK = "https://callback.example.com/"
MIGRATED: list[Path] = []


class Webhooks(RuleBasedStateMachine):
    """One tenant with two endpoints, and jobs with a callback URL."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        shutil.copyfile(MIGRATED[0], self.folder / "gateway.db")
        self.watch = Watch()
        self.post = Post(Database.at(self.folder / "gateway.db"), self.watch)
        self.tenant = self.run(self.post.tenant())
        self.ids = {
            url: self.run(self.post.endpoint(self.tenant, url)).id for url in ENDPOINTS
        }
        self.post.network.answer = self.answer
        self.statuses = [200]
        self.off: set[str] = set()
        self.earliest: dict[str, datetime] = {}
        self.tries: dict[str, int] = {}
        self.bodies: dict[str, bytes] = {}
        self.arrived: set[str] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    # -- What happens ----------------------------------------------------------------

    @rule(times=st.integers(1, 6), callback=st.booleans())
    def tell(self, times: int, callback: bool) -> None:
        url = CALLBACK if callback else None
        self.run(self.post.tell(self.tenant, callback_url=url, times=times))

    @rule(seconds=st.sampled_from([1, 5, 61, 700, 7200, 90_000]))
    def turn(self, seconds: int) -> None:
        self.watch.turn(seconds=seconds)

    @rule(
        statuses=st.lists(
            st.sampled_from([200, 204, 302, 404, 410, 429, 500]), min_size=1, max_size=5
        ),
        drawn=st.sampled_from([0.0, 0.5, 0.999]),
    )
    def deliver(self, statuses: list[int], drawn: float) -> None:
        self.note_disabled()
        self.statuses, self.post.drawn = statuses, drawn
        self.run(self.post.courier.deliver_due())

    @rule(most=st.integers(1, 4))
    def send_and_die(self, most: int) -> None:
        """Messages are sent, and who sent them dies before it is recorded."""
        self.note_disabled()
        for claim in self.run(self.post.leases.claim(most)):
            headers = {"webhook-id": claim.message_id}
            now = self.watch.now()
            self.sent(Posted(now, claim.url, headers, claim.body.encode()))
            self.earliest[claim.message_id] = now + LEASE

    @rule(url=st.sampled_from(ENDPOINTS), enabled=st.booleans())
    def switch(self, url: str, enabled: bool) -> None:
        endpoints = self.post.endpoints(self.tenant)
        self.run(endpoints.change(self.ids[url], enabled=enabled))
        self.note_disabled()
        (self.off.discard if enabled else self.off.add)(url)

    @precondition(lambda self: self.bodies)
    @rule(place=st.integers(0, 1000))
    def redeliver(self, place: int) -> None:
        self.note_disabled()
        done = [d for d in self.deliveries() if d.state != "pending"]
        done = [d for d in done if d.url not in self.off]
        if done:
            # What is done by now depends on who was faster; what is drawn must not.
            chosen = done[place % len(done)]
            self.run(self.post.deliveries(self.tenant).redeliver(chosen.id))
            self.tries[chosen.message_id] = 0
            self.earliest[chosen.message_id] = self.watch.now()

    # -- What must hold ----------------------------------------------------------------

    def answer(self, posted: Posted) -> Answer:
        self.sent(posted)
        status = self.statuses[0]
        self.statuses = [*self.statuses[1:], status]
        asked = timedelta(seconds=120 if status == 429 else 0)
        if 200 <= status < 300:
            self.arrived.add(posted.message_id)
        elif self.tries[posted.message_id] < TRIES:
            delay = max(0.8 * DELAYS[self.tries[posted.message_id]], asked)
            self.earliest[posted.message_id] = posted.at + delay
        return answer(status, retry_after="120")

    def sent(self, posted: Posted) -> None:
        message = posted.message_id
        assert posted.at >= self.earliest.get(message, posted.at)
        assert posted.url not in self.off
        assert self.bodies.setdefault(message, posted.body) == posted.body
        self.tries[message] = self.tries.get(message, 0) + 1
        assert self.tries[message] <= TRIES

    @invariant()
    def four_at_once(self) -> None:
        assert self.post.network.most_at_once <= 4

    def note_disabled(self) -> None:
        """Note what the service has disabled, which it does between messages."""
        for disabled in self.post.disabled:
            self.off |= {u for u, i in self.ids.items() if i == disabled.endpoint_id}
        self.post.disabled.clear()

    def deliveries(self) -> list[Any]:
        return self.run(self.post.deliveries(self.tenant).page(limit=1000))

    def teardown(self) -> None:
        try:
            self.all_ends()
        finally:
            self.run(self.post.database.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    def all_ends(self) -> None:
        """What is left comes to an end, once everything works again."""
        self.note_disabled()
        self.statuses = [200]
        while (due := self.run(self.post.next_due())) is not None:
            wait = (due - self.watch.now()).total_seconds()
            self.watch.turn(seconds=max(wait, 0))
            if not self.run(self.post.courier.deliver_due()):
                self.watch.turn(seconds=10)  # the dead hold all leases there may be
        for delivery in self.deliveries():
            assert delivery.state in ("delivered", "dead", "cancelled")
            if delivery.state == "delivered":
                assert delivery.message_id in self.arrived


@pytest.fixture(autouse=True)
def migrated(migrated_file: Path) -> None:
    MIGRATED[:] = [migrated_file]


class TestSomeOrders(Webhooks.TestCase):
    settings = settings(
        max_examples=6,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.heavy
class TestManyOrders(Webhooks.TestCase):
    settings = settings(
        max_examples=25,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
