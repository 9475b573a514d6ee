"""Retention of rejections: the oldest are deleted, by age and by number."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
from sqlalchemy import ColumnElement, Connection, Engine, delete, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from shared.settings import RetentionSettings
from shared.storage.error_classes import summarise
from shared.storage.tables import rejections

log = logging.getLogger("retention")

PASS_ROWS = 5_000
"""Largest number of rejections deleted in one pass, during which the worker waits and rows are locked."""

_INTERVAL_S = 3600.0
_NEXT_PASS_S = 1.0
_RETRY_S = 300.0

_COLUMN = rejections.c


def purge(
    connection: Connection, *, now: datetime, keep_days: int, keep_rows: int, at_most: int = PASS_ROWS
) -> int:
    """Delete up to `at_most` of the rejections beyond `keep_days` or `keep_rows`, oldest first; 0: no limit.

    Returns the number of deleted rows; fewer than `at_most` means that the rest is within both limits.
    Concurrent passes don't wait for each other: a locked row is left to the next pass.
    """
    deleted = 0
    if keep_days:
        deleted = _delete_oldest(connection, _COLUMN.received_at < now - timedelta(days=keep_days), at_most)
    if keep_rows and deleted < at_most:
        newest_first = select(_COLUMN.received_at, _COLUMN.id).order_by(
            _COLUMN.received_at.desc(), _COLUMN.id.desc()
        )
        beyond = connection.execute(newest_first.offset(keep_rows).limit(1)).one_or_none()
        if beyond is not None:
            row = tuple_(_COLUMN.received_at, _COLUMN.id)
            deleted += _delete_oldest(connection, row <= tuple(beyond), at_most - deleted)
    return deleted


def _delete_oldest(connection: Connection, expired: ColumnElement[bool], at_most: int) -> int:
    oldest = (
        select(_COLUMN.vin, _COLUMN.id)
        .where(expired)
        .order_by(_COLUMN.received_at, _COLUMN.id)
        .limit(at_most)
        .with_for_update(skip_locked=True)
        .cte("oldest")
    )
    expire = delete(rejections).where(_COLUMN.vin == oldest.c.vin, _COLUMN.id == oldest.c.id)
    return connection.execute(expire).rowcount


def purge_all(engine: Engine, settings: RetentionSettings) -> int:
    """Run passes, each in its own transaction, until the limits hold; return the number of deleted rows."""
    total = 0
    while True:
        deleted = _one_pass(engine, settings)
        total += deleted
        if deleted < PASS_ROWS:
            return total


def _one_pass(engine: Engine, settings: RetentionSettings) -> int:
    with engine.begin() as connection:
        return purge(
            connection,
            now=datetime.now(UTC),
            keep_days=settings.rejections_keep_days,
            keep_rows=settings.rejections_keep_rows,
        )


class Retention:
    """Periodic retention within the worker's loop; errors of the database are logged, not raised."""

    def __init__(
        self, settings: RetentionSettings, engine: Engine, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._clock = clock
        self._due = clock()

    def apply_when_due(self) -> int:
        """Run a pass if one is due: at the start, each hour, and after 1 s while there is more to delete.

        Returns the number of deleted rejections, 0 where no pass is due.
        """
        if self._clock() < self._due:
            return 0
        try:
            deleted = _one_pass(self._engine, self._settings)
        except (SQLAlchemyError, psycopg.Error, OSError) as error:
            self._due = self._clock() + _RETRY_S
            log.warning("Old rejections were not deleted, and will be later: %s", summarise(error))
            return 0
        self._due = self._clock() + (_NEXT_PASS_S if deleted >= PASS_ROWS else _INTERVAL_S)
        if deleted:
            log.info("Deleted %d rejections that were past their retention.", deleted)
        return deleted
