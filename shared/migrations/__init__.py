"""Alembic's versions of the schema; `shared.migrate` runs them; a test proves they equal `tables.py`."""
