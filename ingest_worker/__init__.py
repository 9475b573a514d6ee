"""From the broker into the database, one process: `python -m ingest_worker`."""
