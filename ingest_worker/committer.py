"""Retries of a batch until it has committed, in smaller parts where the whole batch takes too long.

Each part is a transaction of its own: a part that has committed is not written again when a later one fails.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ingest_worker.backoff import Backoff
from ingest_worker.batch import BatchContents
from ingest_worker.batch_halves import halves
from ingest_worker.database_deadline import StatementDeadline, shortened
from ingest_worker.time_limits import STATEMENT_TIMEOUT_S
from ingest_worker.write_batch import BatchOutcome, BatchWriter
from shared.storage.error_classes import Fault

log = logging.getLogger("ingest_worker")

DATABASE_ERRORS = (SQLAlchemyError, psycopg.Error, OSError, UnicodeEncodeError)

_BISECTED_AT_ONCE = 64
"""Readings that are searched for refused ones in one transaction, with savepoints."""

CountError = Callable[[BaseException], Fault]
BackOff = Callable[[BaseException, Fault, Backoff], None]


class Committer:
    """Commits batches. `count_error` counts and classifies an error, `back_off` waits until the next attempt,
    `after_timeout` is called between a statement that took too long and the next, smaller attempt.

    `limit` is the number of readings that a transaction may hold, None for any number. The limit is halved by
    a statement that took too long, and doubled while twice as many readings should be written in time.
    """

    def __init__(
        self,
        engine: Engine,
        deadline: StatementDeadline,
        *,
        max_rows: int,
        count_error: CountError,
        back_off: BackOff,
        after_timeout: Callable[[BaseException], None] = lambda _error: None,
        statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    ) -> None:
        self.engine = engine
        self.limit: int | None = None
        self._deadline = deadline
        self._max_rows = max_rows
        self._count_error = count_error
        self._back_off = back_off
        self._after_timeout = after_timeout
        self._allowed_s = min(statement_timeout_s, deadline.seconds)
        self._writer = BatchWriter()

    def commit(self, contents: BatchContents) -> Iterator[tuple[BatchContents, BatchOutcome]]:
        """Yield each part once it has committed, in the order of receipt; retry without end.

        A commit whose answer was lost is retried like any other: the key (vin, ts) makes it idempotent.
        """
        waiting = [contents]
        bisected: BatchContents | None = None
        has_refused = False
        backoffs = _backoffs()
        while waiting:
            part = waiting.pop()
            if self.limit is not None and part.readings > self.limit and (cut := halves(part)):
                waiting += reversed(cut)
                continue
            attempt = self._writer.write_around_poison if part is bisected else self._writer.write
            self._deadline.reset()
            try:
                with self.engine.begin() as connection:
                    outcome = attempt(connection, part)
            except DATABASE_ERRORS as error:
                fault = self._count_error(error)
                if fault is Fault.POISON and part is not bisected:
                    if not has_refused:
                        log.warning("The database refuses a reading of this batch: looking for it.")
                    has_refused = True
                    cut = halves(part) if part.readings > _BISECTED_AT_ONCE else None
                    bisected = None if cut else part
                    waiting += reversed(cut or (part,))
                    continue
                if self._was_too_slow(error) and (cut := halves(part)):
                    self._shrink(part)
                    waiting += reversed(cut)
                    self._after_timeout(error)
                    continue
                oldest = datetime.now(UTC) - part.deliveries[0].received_at
                log.warning("The oldest message has waited %.0f s.", oldest.total_seconds())
                # Poison after bisection has set aside every refused row: no row is at fault.
                self._back_off(error, fault, backoffs.get(fault, backoffs[Fault.DEPLOYMENT]))
                waiting.append(part)
            else:
                backoffs = _backoffs()
                self._grow(part)
                yield part, outcome

    def _was_too_slow(self, error: BaseException) -> bool:
        cause = error.orig if isinstance(error, DBAPIError) else error
        return self._deadline.has_cut or isinstance(cause, psycopg.errors.QueryCanceled)

    def _shrink(self, part: BatchContents) -> None:
        self.limit = max(1, part.readings // 2)
        log.warning(
            "The database did not finish a statement of a batch of %d readings in time (%s):"
            " at most %d at once from now on, until it is quicker.",
            part.readings,
            shortened(self._deadline.statement),
            self.limit,
        )

    def _grow(self, part: BatchContents) -> None:
        if self.limit is None:
            return
        # An estimate: as if the time grew with the number of readings.
        expected_s = self._deadline.longest_s * 2 * self.limit / max(part.readings, 1)
        if expected_s >= self._allowed_s:
            return
        self.limit *= 2
        if self.limit >= self._max_rows:
            self.limit = None
            log.info("The database is quick enough for whole batches again.")


def _backoffs() -> dict[Fault, Backoff]:
    return {
        Fault.TRANSIENT: Backoff(first=0.1, longest=5),
        Fault.DEPLOYMENT: Backoff(first=2, longest=30),
    }
