"""HTTP API over the database, and the dashboard: `python -m api`."""

from shared.gc_tuning import collect_less_often

# Before the imports, which make many objects and no cycles.
collect_less_often()
