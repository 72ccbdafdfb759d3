"""What may be spent, what is, by whom, and what is stopped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "limits_0001"
down_revision = None
branch_labels = ("limits",)
depends_on = "identity_0001"


def upgrade() -> None:
    """Make the tables."""
    _make_policies()
    _make_ledger()
    _make_reserved()
    _make_usage()
    _make_switches()


def downgrade() -> None:
    """Drop the tables."""
    for name in ("policies", "ledger", "reserved", "usage"):
        op.drop_table(f"spend_{name}")
    op.drop_table("kill_switches")


def _make_policies() -> None:
    op.create_table(
        "spend_policies",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_id", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("tokens", sa.BigInteger()),
        sa.Column("cost_nanos", sa.BigInteger()),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        _tenant("spend_policies"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "scope", "scope_id", "period", name="pk_spend_policies"
        ),
    )


def _make_ledger() -> None:
    counts = ("spent_tokens", "reserved_tokens", "spent_nanos", "reserved_nanos")
    op.create_table(
        "spend_ledger",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_id", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        _tenant("spend_ledger"),
        sa.PrimaryKeyConstraint(
            *("tenant_id", "scope", "scope_id", "period", "starts_at"),
            name="pk_spend_ledger",
        ),
    )


def _make_reserved() -> None:
    op.create_table(
        "spend_reserved",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nanos", sa.BigInteger()),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("alive_until", sa.BigInteger(), nullable=False),
        _tenant("spend_reserved"),
        sa.PrimaryKeyConstraint("id", name="pk_spend_reserved"),
    )
    for name in ("owner", "alive_until"):
        op.create_index(f"ix_spend_reserved_{name}", "spend_reserved", [name])


def _make_usage() -> None:
    counts = ("calls", "unpriced_calls", "input_tokens", "output_tokens", "cost_nanos")
    op.create_table(
        "spend_usage",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        _tenant("spend_usage"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "day", "user_id", "agent", "model", name="pk_spend_usage"
        ),
    )


def _make_switches() -> None:
    op.create_table(
        "kill_switches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text()),
        sa.Column("set_in", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_by", sa.Text()),
        sa.Column("lifted_at", sa.BigInteger()),
        _tenant("kill_switches"),
        _tenant("kill_switches", "set_in"),
        sa.PrimaryKeyConstraint("id", name="pk_kill_switches"),
    )
    op.create_index("ix_kill_switches_lifted_at", "kill_switches", ["lifted_at"])


def _tenant(table: str, column: str = "tenant_id") -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_tenants"
    return sa.ForeignKeyConstraint([column], ["tenants.id"], name=name)
