"""Where Alembic finds the database: it is handed a connection."""

from __future__ import annotations

from alembic import context

if __name__ == "env_py":  # which Alembic calls it; only then is there a context
    context.configure(
        connection=context.config.attributes["connection"],
        version_table="schema_versions",
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()
