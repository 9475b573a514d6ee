"""Log lines on standard error: time, level, who, sentence."""

import logging.config
import time
from typing import Any


class UtcFormatter(logging.Formatter):
    """Times in UTC, to the millisecond."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


def as_config(level: str) -> dict[str, Any]:
    """The logging of a process, for `logging.config`. A line tells the operator the consequence of things."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"()": UtcFormatter, "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            # Alembic announces itself at each look at the schema.
            "alembic": {"level": "WARNING"},
            # It tells of each connection that it gives up; whoever asked over it says what that means.
            "psycopg": {"level": "ERROR"},
        },
    }


def configure(level: str) -> None:
    """Set logging up for a process."""
    logging.config.dictConfig(as_config(level))
