"""Log lines on standard error: time, level, logger, sentence."""

import logging.config
import time
from typing import Any


class UtcFormatter(logging.Formatter):
    """A formatter with times in UTC, to the millisecond."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


def as_config(level: str) -> dict[str, Any]:
    """Return a configuration for `logging.config` with this level."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"()": UtcFormatter, "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            # Alembic logs two lines at each check of the schema.
            "alembic": {"level": "WARNING"},
            # psycopg warns of each connection that it discards; the caller logs the consequence.
            "psycopg": {"level": "ERROR"},
        },
    }


def configure(level: str) -> None:
    """Configure logging for a process."""
    logging.config.dictConfig(as_config(level))
