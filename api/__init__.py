"""From the database to whoever asks, one process: `python -m api`."""

from shared.gc_tuning import look_seldom

# Before anything else is imported.
look_seldom()
