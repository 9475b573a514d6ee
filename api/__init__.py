"""From the database to whoever asks, one process: `python -m api`."""

import gc

# Neither readings nor imports make cycles: looking for some after each 700 objects takes a fifth of the time.
gc.set_threshold(50_000, 20, 20)
