"""Which key another took the place of, so that both have one budget."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "identity_0005"
down_revision = "identity_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column; what was rotated before has a budget of its own."""
    op.add_column("api_keys", sa.Column("first_id", sa.Text()))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("api_keys", "first_id")
