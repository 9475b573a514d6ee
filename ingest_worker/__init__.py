"""From the broker into the database, one process: `python -m ingest_worker`."""

from shared.gc_tuning import look_seldom

# Before anything else is imported.
look_seldom()
