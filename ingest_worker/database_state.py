"""The state of the database: its errors are counted, logged and reported, and waited for."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine, text

from ingest_worker.backoff import Backoff
from ingest_worker.committer import DATABASE_ERRORS
from ingest_worker.fatal_errors import FatalError
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.worker_health import WorkerHealth
from shared.storage.error_classes import Fault, classify, summarise
from shared.storage.schema_version import OutdatedSchemaError, require_current_schema

log = logging.getLogger("ingest_worker")

_CHECK_EVERY_S = 5.0
_LONGEST_SLEEP_S = 0.5


class StoppedError(Exception):
    """The worker was stopped while it waited for the database."""


class DatabaseState:
    """The state of the database as the worker's threads have last found it."""

    def __init__(self, health: WorkerHealth, metrics: WorkerMetrics) -> None:
        self._health = health
        self._metrics = metrics
        self._lock = threading.Lock()
        self._checked_at = time.monotonic()
        self.is_stopping = False
        """True: `back_off` and `after_timeout` raise StoppedError."""

    def note_up(self) -> None:
        """Note that the database has just answered."""
        self._checked_at = time.monotonic()
        self._health.database_answers = True

    def count_error(self, error: BaseException) -> Fault:
        """Count an error of the database and return its class."""
        fault = classify(error)
        with self._lock:
            self._metrics.database_errors[fault.name.lower()] += 1
        return fault

    def after_timeout(self, error: BaseException) -> None:
        """Note that a statement took too long. Raises StoppedError.

        Until a smaller batch has committed no reading is stored: /ready says so, and a signal is obeyed.
        """
        if self.is_stopping:
            raise StoppedError
        self._note_down(error)

    def back_off(
        self, error: BaseException, fault: Fault, backoff: Backoff, *, report: Callable[[], None]
    ) -> None:
        """Log the error and wait until the next attempt, with a call of `report` at least twice a second.

        Raises StoppedError where the worker is stopped.
        """
        self._note_down(error)
        delay = backoff.delay()
        if fault is Fault.TRANSIENT:
            words = "The database is away (%s); the broker queues messages. Next try in %.1f s."
            log.warning(words, summarise(error), delay)
        else:
            log.error(
                "The database can't take readings, and no reading is at fault: %s. Repair the schema, the"
                " login or the server; the broker queues messages. Next try in %.0f s.",
                summarise(error),
                delay,
            )
        until = time.monotonic() + delay
        while (left := until - time.monotonic()) > 0:
            if self.is_stopping:
                raise StoppedError
            report()
            time.sleep(min(left, _LONGEST_SLEEP_S))

    def await_schema(self, engine: Engine, *, report: Callable[[], None]) -> None:
        """Wait until the database answers. Raises FatalError for an outdated schema, and StoppedError."""
        backoff = Backoff(first=0.2, longest=5)
        while True:
            try:
                with engine.connect() as connection:
                    require_current_schema(connection)
            except OutdatedSchemaError as error:
                raise FatalError(str(error)) from None
            except DATABASE_ERRORS as error:
                self.back_off(error, self.count_error(error), backoff, report=report)
            else:
                self.note_up()
                return

    def check_when_idle(self, engine: Engine) -> None:
        """Query the database where it has not been used for 5 s, so that an outage shows without readings."""
        if time.monotonic() - self._checked_at < _CHECK_EVERY_S:
            return
        self._checked_at = time.monotonic()
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except DATABASE_ERRORS as error:
            self.count_error(error)
            if self._health.database_answers:
                log.warning("The database does not answer: %s.", summarise(error))
            self._note_down(error)
        else:
            self.note_up()

    def _note_down(self, error: BaseException) -> None:
        self._health.database_problem = f"the database does not take readings: {summarise(error)}"
        self._health.database_answers = False
