"""Alembic's migrations, which `shared.migrate` runs; a test compares their result with `tables.py`."""
