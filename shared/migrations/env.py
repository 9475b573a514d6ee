"""Alembic's environment, on the connection of the caller."""

from alembic import context

# Imported for the tables that it adds to the metadata.
from shared.storage import access_tables  # noqa: F401
from shared.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
