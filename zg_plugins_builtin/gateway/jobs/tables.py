"""The tables of jobs: what was accepted, by which keys, and what people are asked."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    false,
)

from ..database import Moment, metadata

__all__ = ["jobs", "keys", "questions", "turns", "workers"]

jobs = Table(
    "jobs",
    metadata,
    # The id of the run as well.
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    # The user; and the user or the key that stands in the audit.
    Column("submitted_by", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("objective", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("callback_url", Text),
    Column("workflow", Text),
    Column("agent", Text),
    # What else was asked: budget, time, approval, schema.
    Column("options", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("parent_id", Text),
    Column("attempt", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_reason", Text),
    Column("version", Integer, nullable=False),
    Column("progress", Float, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("message", Text),
    Column("result", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    # None: some of it is not known.
    Column("cost_usd_micros", BigInteger),
    Column("approvals", Integer, nullable=False),
    Column("inputs", Integer, nullable=False),
    # Whether a worker may take it, and from when on.
    Column("ready", Boolean, nullable=False),
    Column("due_at", Moment, nullable=False),
    # Since when it counts among what runs: it is being done, or in the queue for it.
    Column("admitted_at", Moment),
    # Which worker has it; how often one took it, so that only the latest may write;
    # and whether that one owns the run by now.
    Column("worker_id", Text),
    Column("takes", Integer, nullable=False, server_default="0"),
    Column("begun", Boolean, nullable=False, server_default=false()),
    # Whether its run is in the journal, and up to which event this row follows it.
    Column("placed", Boolean, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("completed_at", Moment),
    Column("deleted_at", Moment),
    # When the journal and the files were erased too.
    Column("erased_at", Moment),
    Index(None, "tenant_id", "id"),
    Index(None, "tenant_id", "state"),
    Index(None, "state"),
    Index(None, "ready", "due_at"),
    Index(None, "ready", "tenant_id", "priority", "due_at", "id"),
    Index(None, "admitted_at"),
    Index(None, "placed"),
)

keys = Table(
    "job_keys",
    metadata,
    Column("tenant_id", Text, ForeignKey("tenants.id"), primary_key=True),
    Column("actor", Text, primary_key=True),
    # The method and the route.
    Column("route", Text, primary_key=True),
    Column("key_sha256", Text, primary_key=True),
    Column("request_sha256", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("status", Integer, nullable=False),
    # None: the job was deleted since.
    Column("body", JSON(none_as_null=True)),
    Column("expires_at", Moment, nullable=False),
    Index(None, "expires_at"),
    Index(None, "job_id"),
)

questions = Table(
    "job_questions",
    metadata,
    # Made of the job and the call, so that a question is one row however often it
    # is read from the journal.
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("call_key", Text, nullable=False),
    # approval or input.
    Column("kind", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("digest", Text, nullable=False),
    Column("risk", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("schema", JSON, nullable=False),
    Column("requested_at", Moment, nullable=False),
    Column("expires_at", Moment),
    # pending; approved, rejected or resolved; expired; void: the job ended before.
    Column("state", Text, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", Moment),
    Column("comment", Text),
    # What was said: other arguments, or the answer.
    Column("said", JSON(none_as_null=True)),
    # Whether the run was told.
    Column("delivered", Boolean, nullable=False),
    Index(None, "tenant_id", "requested_at", "id"),
    Index(None, "job_id"),
    Index(None, "delivered"),
)

workers = Table(
    "job_workers",
    metadata,
    Column("id", Text, primary_key=True),
    # How many jobs it does at once.
    Column("slots", Integer, nullable=False),
    # By the clock of the database, which is the same for all of them.
    Column("seen_at", BigInteger, nullable=False),
)

turns = Table(
    "job_turns",
    metadata,
    Column("tenant_id", Text, ForeignKey("tenants.id"), primary_key=True),
    # What it has saved up, or owes, towards its next turn.
    Column("credit", BigInteger, nullable=False),
)
