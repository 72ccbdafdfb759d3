"""All of the webhooks part, put together: each tenant's own, and who sends."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from ..clock import Clock
from ..database import Database
from ..egress.sending import Egress
from ..identity import Principal, record
from .courier import Courier, Sent
from .deliveries import Deliveries
from .endpoints import Endpoints
from .leases import Disabled, Leases
from .sealing import Seal

__all__ = ["Webhooks"]


class Webhooks:
    """Who is told of what happens, and how it gets there.

    Attributes:
        leases: The messages of all tenants.
        courier: Sends them; whoever runs the service runs it.

    Args:
        database: Where everything is kept.
        egress: The way out.
        seal: Keeps the secrets that sign.
        clock: Tells the time.
        on_sent: Is told of each attempt: for the metrics.
    """

    def __init__(
        self,
        database: Database,
        *,
        egress: Egress,
        seal: Seal,
        clock: Clock,
        on_sent: Callable[[Sent], None] = lambda _sent: None,
    ) -> None:
        self._database = database
        self._egress = egress
        self._seal = seal
        self._clock = clock
        self.leases = Leases(database, clock=clock, on_disabled=_record_disabled)
        self.courier = Courier(
            database,
            self.leases,
            egress=egress,
            seal=seal,
            clock=clock,
            on_sent=on_sent,
        )

    def endpoints(self, by: Principal) -> Endpoints:
        """Return the endpoints of somebody's tenant; the audit says that it was they.

        Args:
            by: Who asks.
        """

        def audit(connection: Connection, action: str, target: str) -> None:
            record(connection, self._clock.now(), by.tid, by.actor, action, target)

        return Endpoints(
            self._database,
            by.tid,
            egress=self._egress,
            seal=self._seal,
            clock=self._clock,
            reads=by.has("jobs:read"),
            on_change=audit,
        )

    def deliveries(self, by: Principal) -> Deliveries:
        """Return what was sent to the receivers of somebody's tenant.

        Args:
            by: Who asks.
        """
        return Deliveries(self._database, by.tid, clock=self._clock)


def _record_disabled(connection: Connection, disabled: Disabled) -> None:
    record(
        connection,
        disabled.at,
        disabled.tenant_id,
        "service",
        "webhook_endpoint.disabled",
        disabled.endpoint_id,
        reason=disabled.reason,
    )
