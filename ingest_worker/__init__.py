"""The worker, which moves readings from the broker into the database: `python -m ingest_worker`."""

from shared.gc_tuning import collect_less_often

# Before the other imports, which make objects by the ten thousand.
collect_less_often()
