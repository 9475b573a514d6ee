"""HTTP API over the database, and the dashboard: `python -m api`."""

from shared.gc_tuning import look_seldom

# Before the imports, which make many objects and no cycles.
look_seldom()
