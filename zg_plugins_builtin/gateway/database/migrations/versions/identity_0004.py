"""The session in which somebody began to be known by another service as well."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "identity_0004"
down_revision = "identity_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column; what was begun without one is not finished."""
    op.add_column("oauth_states", sa.Column("session_id", sa.Text()))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("oauth_states", "session_id")
