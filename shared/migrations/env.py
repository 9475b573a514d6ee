"""Alembic's entry: the caller hands over its connection."""

from alembic import context

from shared.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
