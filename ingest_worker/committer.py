"""Batches into the database: tried until they have committed, in parts where a whole one is too much.

Every part is a transaction of its own. What has committed is not done again, whatever happens to the parts
behind it.
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
from ingest_worker.database_deadline import STATEMENT_TIMEOUT_S, StatementDeadline, shortened
from ingest_worker.write_batch import BatchOutcome, Writer
from shared.storage.error_classes import Fault

log = logging.getLogger("ingest_worker")

DATABASE_ERRORS = (SQLAlchemyError, psycopg.Error, OSError, UnicodeEncodeError)

_SEARCHED_AT_ONCE = 64
"""Readings among which refused ones are looked for in one transaction, with savepoints."""

Note = Callable[[BaseException], Fault]
WaitOut = Callable[[BaseException, Fault, Backoff], None]


class Committer:
    """Commits batches. `note` counts and classifies an error, `wait_out` waits until the next try.

    `limit` is the number of readings that a transaction may hold, None for any. It is halved when a statement
    took too long, and doubled while twice as many would be written within half of the time allowed.
    """

    def __init__(
        self,
        engine: Engine,
        deadline: StatementDeadline,
        *,
        max_rows: int,
        note: Note,
        wait_out: WaitOut,
        statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    ) -> None:
        self.engine = engine
        self.limit: int | None = None
        self._deadline = deadline
        self._max_rows = max_rows
        self._note = note
        self._wait_out = wait_out
        self._allowed_s = min(statement_timeout_s, deadline.seconds)
        self._writer = Writer()

    def commit(self, contents: BatchContents) -> Iterator[tuple[BatchContents, BatchOutcome]]:
        """Yield each part once it has committed, in the order of receipt; try for ever if need be.

        A commit whose answer was lost is tried again like any other: the key (vin, ts) makes it safe.
        """
        waiting = [contents]
        searched: BatchContents | None = None
        refuses = False
        waits = _waits()
        while waiting:
            part = waiting.pop()
            if self.limit is not None and part.readings > self.limit and (cut := halves(part)):
                waiting += reversed(cut)
                continue
            attempt = self._writer.write_around_poison if part is searched else self._writer.write
            self._deadline.begin()
            try:
                with self.engine.begin() as connection:
                    written = attempt(connection, part)
            except DATABASE_ERRORS as error:
                fault = self._note(error)
                if fault is Fault.POISON and part is not searched:
                    if not refuses:
                        log.warning("The database refuses a reading of this batch: looking for it.")
                    refuses = True
                    cut = halves(part) if part.readings > _SEARCHED_AT_ONCE else None
                    searched = None if cut else part
                    waiting += reversed(cut or (part,))
                    continue
                if self._was_too_slow(error) and (cut := halves(part)):
                    self._shrink(part)
                    waiting += reversed(cut)
                    continue
                oldest = datetime.now(UTC) - part.deliveries[0].received_at
                log.warning("The oldest message has waited %.0f s.", oldest.total_seconds())
                # A refusal although every refused row was set aside is no row's fault.
                self._wait_out(error, fault, waits.get(fault, waits[Fault.DEPLOYMENT]))
                waiting.append(part)
            else:
                waits = _waits()
                self._grow(part)
                yield part, written

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
        # As if time grew with the number of readings.
        expected_s = self._deadline.longest_s * 2 * self.limit / max(part.readings, 1)
        if expected_s >= self._allowed_s:
            return
        self.limit *= 2
        if self.limit >= self._max_rows:
            self.limit = None
            log.info("The database is quick enough for whole batches again.")


def _waits() -> dict[Fault, Backoff]:
    return {
        Fault.TRANSIENT: Backoff(first=0.1, longest=5),
        Fault.DEPLOYMENT: Backoff(first=2, longest=30),
    }
