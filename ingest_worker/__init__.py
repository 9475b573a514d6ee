"""From the broker into the database, one process: `python -m ingest_worker`."""

from shared.collector import look_seldom

# Before anything else is imported.
look_seldom()
