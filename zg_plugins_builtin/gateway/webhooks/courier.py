"""Send what is due, many at a time, for as long as the service runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

import anyio
from sqlalchemy import Connection
from yarl import URL

from ..clock import Clock
from ..database import Database
from ..egress.sending import Egress
from ..errors import DatabaseError, GatewayError, UnavailableError
from .circuits import Circuits
from .claims import AT_ONCE, Claim, is_held
from .leases import Leases
from .outcomes import Outcome, of_answer, of_error
from .sealing import Seal
from .secret_rows import make_secret, signing_secrets
from .signing import sign

__all__ = ["Courier", "Sent"]

AGENT = "ZeroGravity-Webhooks/1"
_MOST_BYTES = 4096
"""How much of an answer is read, and thrown away."""
_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sent:
    """An attempt, for who counts them.

    Attributes:
        outcome: As in `Outcome.name`.
        seconds: How long it took.
    """

    outcome: str
    seconds: float


class Courier:
    """Sends messages; any number of them may work on one database.

    Args:
        database: Where the messages are.
        leases: Whose turn it is.
        egress: The way out.
        seal: Opens the secrets that sign.
        clock: Tells the time.
        domains: Returns the domains a tenant's messages may go to; None is all.
        on_sent: Is told of each attempt: for the metrics.
    """

    def __init__(
        self,
        database: Database,
        leases: Leases,
        *,
        egress: Egress,
        seal: Seal,
        clock: Clock,
        domains: Callable[[str], frozenset[str] | None] = lambda _tenant: None,
        on_sent: Callable[[Sent], None] = lambda _sent: None,
    ) -> None:
        self._database = database
        self._leases = leases
        self._egress = egress
        self._seal = seal
        self._clock = clock
        self._domains = domains
        self._on_sent = on_sent
        self._circuits = Circuits()
        self._sending = 0
        self._stopped = False
        self._woken = anyio.Event()

    def wake(self) -> None:
        """Look for messages now: call it when one was written in this process."""
        self._woken.set()

    def stop(self) -> None:
        """Begin nothing more; `run` returns when what is being sent has ended."""
        self._stopped = True
        self._woken.set()

    async def run(self) -> None:
        """Send whatever becomes due, until `stop`."""
        async with anyio.create_task_group() as tasks:
            while not self._stopped:
                self._woken = anyio.Event()
                for claim in await self._claimed():
                    self._sending += 1
                    tasks.start_soon(self._deliver_and_wake, claim)
                with anyio.move_on_after(_POLL_SECONDS):
                    await self._woken.wait()

    async def deliver_due(self) -> int:
        """Send what is due now, and return how many messages were tried."""
        tried = 0
        while claims := await self._leases.claim():
            tried += len(claims)
            async with anyio.create_task_group() as tasks:
                for claim in claims:
                    tasks.start_soon(self._deliver, claim)
        return tried

    async def _claimed(self) -> list[Claim]:
        if self._sending >= AT_ONCE:
            return []
        try:
            return await self._leases.claim(AT_ONCE - self._sending)
        except UnavailableError:  # the database is away: what is due stays due
            return []

    async def _deliver_and_wake(self, claim: Claim) -> None:
        try:
            await self._deliver(claim)
        except UnavailableError:
            pass  # it is not recorded: the lease lapses, and it is sent again
        finally:
            self._sending -= 1
            self._woken.set()

    async def _deliver(self, claim: Claim) -> None:
        host = (claim.tenant_id, _host(claim.url))
        began = self._clock.monotonic()
        if wait := self._circuits.ask(host, began):
            whole = timedelta(milliseconds=ceil(wait * 1000))  # as moments are kept
            await self._leases.postpone(claim, self._clock.now() + whole)
            return
        at = self._clock.now()
        outcome = await self._send(claim)
        if outcome is None:
            return
        ended = self._clock.monotonic()
        if outcome.host_fails:
            self._circuits.failed(host, ended)
        elif outcome.host_fails is False:
            self._circuits.succeeded(host)
        self._on_sent(Sent(outcome.name, ended - began))
        await self._leases.record(claim, outcome, at, ended - began)

    async def _send(self, claim: Claim) -> Outcome | None:
        """Send a message, and return how it ended; None if it was taken back."""
        try:
            secrets = await self._secrets(claim)
            if secrets is None:
                return None
            body = claim.body.encode()
            answer = await self._egress.send(
                "POST",
                claim.url,
                headers={
                    **sign(claim.message_id, self._clock.now(), body, secrets),
                    "content-type": "application/json",
                    "user-agent": AGENT,
                },
                content=body,
                most_bytes=_MOST_BYTES,
                domains=self._domains(claim.tenant_id),
            )
        except DatabaseError:
            raise
        except GatewayError as error:
            return of_error(error)
        return of_answer(answer.status, answer.headers, self._clock.now())

    async def _secrets(self, claim: Claim) -> list[str] | None:
        """Return what signs a message, or None if it is no longer ours to send.

        A tenant's own secret is made when it first signs.
        """
        of, now = (claim.tenant_id, claim.endpoint_id), self._clock.now()

        def read(connection: Connection) -> list[str] | None:
            if not is_held(connection, claim):
                return None
            return signing_secrets(connection, self._seal, *of, now)

        def read_or_make(connection: Connection) -> list[str] | None:
            found = read(connection)
            if found == []:
                found = [make_secret(connection, self._seal, *of, now)]
            return found

        found = await self._database.read(read)
        if found == [] and claim.endpoint_id is None:
            found = await self._database.write(read_or_make)
        return found or None


def _host(url: str) -> str:
    try:
        return URL(url).raw_host or ""
    except ValueError:  # which may not be called anyway
        return ""
