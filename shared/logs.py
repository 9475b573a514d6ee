"""Log lines on standard error: time, level, who, sentence."""

import logging
import time


def configure(level: str) -> None:
    """Set logging up for a process. A line tells the operator the consequence, not only the cause."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s")
    formatter.converter = time.gmtime
    formatter.datefmt = "%Y-%m-%dT%H:%M:%S"
    stream = logging.StreamHandler()
    stream.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[stream], force=True)
    # Alembic announces itself at each look at the schema.
    logging.getLogger("alembic").setLevel(logging.WARNING)
