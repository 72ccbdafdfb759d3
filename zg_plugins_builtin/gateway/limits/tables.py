"""The tables of limits: what may be spent, what is, by whom, and what is stopped."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text
from sqlalchemy.dialects import postgresql, sqlite

from ..database import Moment, metadata

__all__ = ["inserts", "ledger", "policies", "reserved", "switches", "usage"]

inserts: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
"""How each database makes a row that may be there already."""

policies = Table(
    "spend_policies",
    metadata,
    Column("tenant_id", Text, ForeignKey("tenants.id"), primary_key=True),
    # tenant, user or key; and its id.
    Column("scope", Text, primary_key=True),
    Column("scope_id", Text, primary_key=True),
    # day or month.
    Column("period", Text, primary_key=True),
    # None is no limit.
    Column("tokens", BigInteger),
    Column("cost_nanos", BigInteger),
    Column("set_by", Text, nullable=False),
    Column("set_at", Moment, nullable=False),
)

ledger = Table(
    "spend_ledger",
    metadata,
    Column("tenant_id", Text, ForeignKey("tenants.id"), primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("scope_id", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("starts_at", Moment, primary_key=True),
    Column("spent_tokens", BigInteger, nullable=False),
    Column("reserved_tokens", BigInteger, nullable=False),
    # Billionths of a US dollar, so that nothing is lost in rounding.
    Column("spent_nanos", BigInteger, nullable=False),
    Column("reserved_nanos", BigInteger, nullable=False),
)

reserved = Table(
    "spend_reserved",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("user_id", Text, nullable=False),
    # Empty: there is no key.
    Column("key_id", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    # None: the price is not known.
    Column("cost_nanos", BigInteger),
    # When it was made, which says in which days and months it counts.
    Column("at", Moment, nullable=False),
    # The process that made it, and until when that is certain to be alive.
    Column("owner", Text, nullable=False),
    Column("alive_until", Moment, nullable=False),
    Index(None, "owner"),
    Index(None, "alive_until"),
)

usage = Table(
    "spend_usage",
    metadata,
    Column("tenant_id", Text, ForeignKey("tenants.id"), primary_key=True),
    Column("day", Moment, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    # Calls of which nobody knows what they cost.
    Column("unpriced_calls", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_nanos", BigInteger, nullable=False),
)

switches = Table(
    "kill_switches",
    metadata,
    Column("id", Text, primary_key=True),
    # Whose work it stops; None is everybody's.
    Column("tenant_id", Text, ForeignKey("tenants.id")),
    # The tenant of who set it, where it stands in the audit.
    Column("set_in", Text, ForeignKey("tenants.id"), nullable=False),
    # global, tenant, agent, tool or plugin; and which.
    Column("scope", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", Moment, nullable=False),
    Column("lifted_by", Text),
    Column("lifted_at", Moment),
    Index(None, "lifted_at"),
)
