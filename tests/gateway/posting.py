"""Webhooks for tests: tenants, a network that does as it is told, and who sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import anyio
from sqlalchemy import Connection, func, insert, select

from zg_plugins_builtin.gateway.clock import Clock
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.egress.sending import Answer, Egress
from zg_plugins_builtin.gateway.identity.tables import tenants
from zg_plugins_builtin.gateway.ids import new_id
from zg_plugins_builtin.gateway.webhooks.courier import Courier, Sent
from zg_plugins_builtin.gateway.webhooks.deliveries import Deliveries
from zg_plugins_builtin.gateway.webhooks.endpoints import Endpoint, Endpoints
from zg_plugins_builtin.gateway.webhooks.events import Event
from zg_plugins_builtin.gateway.webhooks.leases import Disabled, Leases
from zg_plugins_builtin.gateway.webhooks.outbox import enqueue
from zg_plugins_builtin.gateway.webhooks.sealing import Seal
from zg_plugins_builtin.gateway.webhooks.tables import deliveries

__all__ = ["Network", "Post", "Posted", "answer"]

URL = "https://hook.example.com/in"


@dataclass(frozen=True)
class Posted:
    """One request that was sent."""

    at: datetime
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


def answer(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, b"", truncated=False)


class Network(Egress):
    """Sends nothing, keeps what it was to send, and answers as it is told."""

    def __init__(self, watch: Clock) -> None:
        super().__init__()
        self._watch = watch
        self.posted: list[Posted] = []
        self.answer: Callable[[Posted], Answer] = lambda _posted: answer(200)
        self.going: Counter[str] = Counter()
        self.most_at_once = 0
        self.most_at_once_of: Counter[str] = Counter()
        self.forbidden: Exception | None = None
        self.held: anyio.Event | None = None

    async def permit(self, url: str, *, domains: frozenset[str] | None = None) -> str:
        if self.forbidden is not None:
            raise self.forbidden
        return url

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        most_bytes: int = 65_536,
        domains: frozenset[str] | None = None,
    ) -> Answer:
        posted = Posted(self._watch.now(), url, headers or {}, content)
        self.posted.append(posted)
        self.going[url] += 1
        self.most_at_once = max(self.most_at_once, self.going.total())
        self.most_at_once_of[url] = max(self.most_at_once_of[url], self.going[url])
        try:
            await anyio.sleep(0)
            if self.held is not None:
                await self.held.wait()
            return self.answer(posted)
        finally:
            self.going[url] -= 1


class Post:
    """The webhooks of a service."""

    def __init__(self, database: Database, watch: Clock) -> None:
        self.database = database
        self.watch = watch
        self.network = Network(watch)
        self.seal = Seal(b"k" * 32)
        self.sent: list[Sent] = []
        self.disabled: list[Disabled] = []
        self.changes: list[tuple[str, str]] = []
        self.drawn = 0.5
        self.leases = Leases(
            database,
            clock=watch,
            draw=lambda: self.drawn,
            on_disabled=lambda _connection, disabled: self.disabled.append(disabled),
        )
        self.courier = self.another_courier()

    def another_courier(self) -> Courier:
        return Courier(
            self.database,
            self.leases,
            egress=self.network,
            seal=self.seal,
            clock=self.watch,
            on_sent=self.sent.append,
        )

    async def tenant(self) -> str:
        """Make a tenant, and return its id."""
        now = self.watch.now()
        made = new_id("ten", now)
        values = {"id": made, "name": made, "is_host": False, "created_at": now}
        await self.database.write(lambda c: c.execute(insert(tenants).values(values)))
        return made

    def endpoints(self, tenant: str) -> Endpoints:
        return Endpoints(
            self.database,
            tenant,
            egress=self.network,
            seal=self.seal,
            clock=self.watch,
            on_change=lambda _connection, *change: self.changes.append(change),
        )

    def deliveries(self, tenant: str) -> Deliveries:
        return Deliveries(self.database, tenant, clock=self.watch)

    async def endpoint(self, tenant: str, url: str = URL) -> Endpoint:
        """Make an endpoint that is told everything."""
        made, _ = await self.endpoints(tenant).create(url, ["*"])
        return made

    async def next_due(self) -> datetime | None:
        """Return when the next message is due, or its lease lapses."""
        free = func.coalesce(deliveries.c.leased_until, deliveries.c.due_at)
        first = select(func.min(free)).where(deliveries.c.state == "pending")
        return await self.database.read(lambda c: c.scalar(first))

    async def tell(
        self,
        tenant: str,
        kind: str = "job.completed",
        *,
        job_id: str = "job_1",
        callback_url: str | None = None,
        times: int = 1,
    ) -> list[str]:
        """Tell of an event, and return the deliveries that it became."""
        now = self.watch.now()
        event = Event(kind, now, {"job_id": job_id}, job_id, "result")

        def work(connection: Connection) -> list[str]:
            return [
                delivery
                for _ in range(times)
                for delivery in enqueue(
                    connection, tenant, event, now, callback_url=callback_url
                )
            ]

        return await self.database.write(work)
