"""From the database to whoever asks, one process: `python -m api`."""

from shared.gc_tuning import collect_less_often

# Before anything else is imported.
collect_less_often()
