"""From the broker into the database, one process: `python -m ingest_worker`."""

import gc

# Neither readings nor imports make cycles: looking for some after each 700 objects takes a fifth of the time.
gc.set_threshold(50_000, 20, 20)
