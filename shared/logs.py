"""Log lines on standard error: time, level, logger, sentence, and the request that they belong to."""

import json
import logging.config
import time
from contextvars import ContextVar
from typing import Any

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request that is answered; threads and tasks of the request inherit it."""


class UtcFormatter(logging.Formatter):
    """A formatter with times in UTC, to the millisecond; a request's id stands behind the logger."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        found = request_id.get()
        record.request = "" if found is None else f" [{found}]"
        return super().format(record)


class JsonFormatter(UtcFormatter):
    """A formatter that writes one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object of a record: time, level, logger, message; request_id and exception if any."""
        line: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (found := request_id.get()) is not None:
            line["request_id"] = found
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def as_config(level: str, form: str = "plain") -> dict[str, Any]:
    """Return a configuration for `logging.config` with this level; `form` is plain or json."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {
                "()": UtcFormatter,
                "format": "%(asctime)s %(levelname)s %(name)s%(request)s: %(message)s",
            },
            "json": {"()": JsonFormatter},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            # Alembic logs two lines at each check of the schema.
            "alembic": {"level": "WARNING"},
            # psycopg warns of each connection that it discards; the caller logs the consequence.
            "psycopg": {"level": "ERROR"},
        },
    }


def configure(level: str, form: str = "plain") -> None:
    """Configure logging for a process."""
    logging.config.dictConfig(as_config(level, form))
