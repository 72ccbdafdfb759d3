"""What a job cost may be unknown, which is not nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "jobs_0003"
down_revision = "jobs_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the column be empty."""
    _alter(nullable=True)


def downgrade() -> None:
    """Let it be empty no longer; what is not known becomes nothing."""
    op.execute("UPDATE jobs SET cost_usd_micros = 0 WHERE cost_usd_micros IS NULL")
    _alter(nullable=False)


def _alter(*, nullable: bool) -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.alter_column(
            "cost_usd_micros", existing_type=sa.BigInteger(), nullable=nullable
        )
