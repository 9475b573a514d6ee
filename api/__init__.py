"""From the database to whoever asks, one process: `python -m api`."""
