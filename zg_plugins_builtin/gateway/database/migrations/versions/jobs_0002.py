"""Which worker has a job, which workers there are, and whose turn it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "jobs_0002"
down_revision = "jobs_0001"
branch_labels = None
depends_on = None

_TURN = ["ready", "tenant_id", "priority", "due_at", "id"]


def upgrade() -> None:
    """Make the tables and the columns."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("admitted_at", sa.BigInteger()))
        jobs.add_column(sa.Column("worker_id", sa.Text()))
        jobs.add_column(
            sa.Column("takes", sa.Integer(), nullable=False, server_default="0")
        )
        jobs.add_column(
            sa.Column("begun", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.create_index("ix_jobs_ready_tenant_id_priority_due_at_id", "jobs", _TURN)
    op.create_index("ix_jobs_admitted_at", "jobs", ["admitted_at"])
    op.create_table(
        "job_workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job_workers"),
    )
    op.create_table(
        "job_turns",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name="fk_job_turns_tenant_id"
        ),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_job_turns"),
    )


def downgrade() -> None:
    """Drop the tables and the columns."""
    op.drop_table("job_turns")
    op.drop_table("job_workers")
    op.drop_index("ix_jobs_admitted_at", "jobs")
    op.drop_index("ix_jobs_ready_tenant_id_priority_due_at_id", "jobs")
    with op.batch_alter_table("jobs") as jobs:
        for name in ("begun", "takes", "worker_id", "admitted_at"):
            jobs.drop_column(name)
