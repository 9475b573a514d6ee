"""From the database to whoever asks, one process: `python -m api`."""

from shared.collector import look_seldom

# Before anything else is imported.
look_seldom()
