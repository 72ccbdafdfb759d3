"""The tables of webhooks: who is told, with which secrets, what, and how it went."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from ..database import Moment, metadata

__all__ = ["attempts", "deliveries", "endpoints", "secrets"]

endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", JSON, nullable=False),
    Column("description", Text, nullable=False),
    Column("asymmetric", Boolean, nullable=False),
    Column("include_result", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    # Why the service disabled it: ``gone`` or ``failing``; None: nobody, or its owner.
    Column("disabled_for", Text),
    # Since when no message has arrived that was sent.
    Column("failing_since", Moment),
    Column("created_at", Moment, nullable=False),
    Index(None, "tenant_id", "id"),
)

secrets = Table(
    "webhook_secrets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    # None: the tenant's own, for the callback URLs of jobs.
    Column("endpoint_id", Text, ForeignKey("webhook_endpoints.id", ondelete="CASCADE")),
    Column("sealed", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    # Until when it signs beside a newer one; None: it is the newest.
    Column("retires_at", Moment),
    Index(None, "tenant_id", "endpoint_id"),
)

deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    # None: to the callback URL of a job. It outlives the endpoint.
    Column("endpoint_id", Text),
    Column("url", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("job_id", Text),
    Column("event_type", Text, nullable=False),
    Column("body", Text, nullable=False),
    # pending, delivered, dead (given up) or cancelled.
    Column("state", Text, nullable=False),
    # How often it was tried by the schedule, which redelivery begins anew.
    Column("tries", Integer, nullable=False),
    # How often it was tried in all.
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    # Whose turn it is, and until when; None: nobody's.
    Column("lease", Text),
    Column("leased_until", Moment),
    Column("outcome", Text),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Index(None, "state", "tenant_id", "due_at", "id"),
    Index(None, "state", "due_at"),
    Index(None, "state", "leased_until"),
    Index(None, "tenant_id", "id"),
    Index(None, "tenant_id", "job_id"),
    Index(None, "endpoint_id", "state"),
)

attempts = Table(
    "webhook_attempts",
    metadata,
    Column(
        "delivery_id",
        Text,
        ForeignKey("webhook_deliveries.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", Integer, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("milliseconds", Integer, nullable=False),
)
