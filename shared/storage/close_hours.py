"""Computation of hours and days, some time after their last reading.

A transaction that stores readings inserts a mark for each of their hours into `open_hours`, unless the mark
is there. An hour with a mark is taken from its readings; any other one from `closed_hours`. Closing an hour
must not miss a transaction that found the mark, inserted readings, and has not committed. So it takes three
steps:

1. The mark moves to `closing_hours`, in a transaction of its own. A transaction that stores readings from now
   on inserts a new mark.
2. Wait until each transaction that may have found the mark has ended. It has a number by the time it looks
   for marks, since it has inserted readings before. So a number is taken now: the transactions to wait for
   are the running ones below it. That number's transaction has to commit, since a snapshot leaves out running
   transactions above the last one that ended.
3. Lock the mark, compute the hour and its day, and delete the mark, in one transaction. Readings that were
   stored since step 1 have a mark of their own: the hour stays open, and is closed once more later.

No step takes a lock that a writer waits for beyond the instant of step 1, and a stop between two steps leaves
an hour that is taken from its readings.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from psycopg.errors import QueryCanceled
from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.exc import OperationalError

from shared.storage.arrays import array_parameters, unnested
from shared.storage.engine import disable_timeouts
from shared.storage.hourly_rollup import DAY, HOUR_FIGURES
from shared.storage.tables import closed_days, closed_hours, closing_hours, names, open_hours, telemetry

log = logging.getLogger("close_hours")

QUIET = timedelta(minutes=10)
"""Time from the end of an hour, and from its first mark, until it is closed."""

_TELL_AFTER_S = 10.0
_MOVED_AT_ONCE = 10_000
# An hour of ten readings a second is 36,000 rows: a statement over this many hours takes some seconds.
_COMPUTED_AT_ONCE = 100
_KEY = names(closing_hours)
_HOURS_OF_KEYS = f"{unnested(closing_hours, _KEY)} AS chosen (vin, hour)"

_IS_DUE = "opened_at <= :opened_by AND hour <= :begun_by AND (CAST(:vin AS text) IS NULL OR vin = :vin)"
# DO UPDATE: a mark that another caller is about to delete is waited for, and inserted again.
_MOVE = text(f"""
    WITH due AS (
        SELECT vin, hour FROM {open_hours.name}
        WHERE {_IS_DUE}
        ORDER BY vin, hour LIMIT :most
    ), moved AS (
        DELETE FROM {open_hours.name} AS marks USING due
        WHERE marks.vin = due.vin AND marks.hour = due.hour RETURNING marks.vin, marks.hour
    )
    INSERT INTO {closing_hours.name} SELECT vin, hour FROM moved ORDER BY vin, hour
    ON CONFLICT (vin, hour) DO UPDATE SET hour = excluded.hour
""")  # noqa: S608 - our own tables
_COUNT_DUE = text(f"""
    SELECT (SELECT count(*) FROM {open_hours.name} WHERE {_IS_DUE})
        + (SELECT count(*) FROM {closing_hours.name})
""")  # noqa: S608 - our own tables
_TAKE_NUMBER = text("SELECT pg_current_xact_id()::text::bigint")
_OLDEST_RUNNING = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
_BLOCKER = text("""
    SELECT coalesce(
        (SELECT format('process %s of %I, since %s', pid, datname, date_trunc('second', xact_start))
            FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start LIMIT 1),
        (SELECT format('the prepared transaction %L', gid) FROM pg_prepared_xacts ORDER BY prepared LIMIT 1),
        'one that has just ended'
    )
""")
_CLOSING = text(f"SELECT vin, hour FROM {closing_hours.name} ORDER BY vin, hour")  # noqa: S608 - our own table


def _replacing(table: Table, key: tuple[str, str]) -> str:
    values = ", ".join(f"{name} = excluded.{name}" for name in names(table) if name not in key)
    return f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {values}"


_COMPUTE_HOURS = text(f"""
    INSERT INTO {closed_hours.name} ({", ".join(names(closed_hours))})
    SELECT chosen.vin, chosen.hour, figures.* FROM {_HOURS_OF_KEYS}
    CROSS JOIN LATERAL (
        SELECT {HOUR_FIGURES} FROM {telemetry.name}
        WHERE {telemetry.name}.vin = chosen.vin
            AND ts >= chosen.hour AND ts < chosen.hour + interval '1 hour'
        HAVING count(*) > 0
    ) AS figures
    ORDER BY 1, 2 {_replacing(closed_hours, ("vin", "hour"))}
""")  # noqa: S608 - our own tables
_DELETE_EMPTY_HOURS = text(f"""
    DELETE FROM {closed_hours.name} AS closed USING {_HOURS_OF_KEYS}
    WHERE closed.vin = chosen.vin AND closed.hour = chosen.hour AND NOT EXISTS (
        SELECT FROM {telemetry.name}
        WHERE {telemetry.name}.vin = chosen.vin
            AND ts >= chosen.hour AND ts < chosen.hour + interval '1 hour'
    )
""")  # noqa: S608 - our own tables
_DAYS_OF_KEYS = f"(SELECT DISTINCT vin, date_trunc('day', hour, 'UTC') AS day FROM {_HOURS_OF_KEYS}) AS days"  # noqa: S608 - our own table
_COMPUTE_DAYS = text(f"""
    INSERT INTO {closed_days.name} ({", ".join(names(closed_days))})
    SELECT figures.* FROM {_DAYS_OF_KEYS}
    CROSS JOIN LATERAL (
        SELECT {DAY} FROM {closed_hours.name} AS hours
        WHERE hours.vin = days.vin AND hours.hour >= days.day AND hours.hour < days.day + interval '1 day'
        GROUP BY 1, 2
    ) AS figures
    ORDER BY 1, 2 {_replacing(closed_days, ("vin", "day"))}
""")  # noqa: S608 - our own tables
_DELETE_EMPTY_DAYS = text(f"""
    DELETE FROM {closed_days.name} AS closed USING {_DAYS_OF_KEYS}
    WHERE closed.vin = days.vin AND closed.day = days.day AND NOT EXISTS (
        SELECT FROM {closed_hours.name} AS hours
        WHERE hours.vin = days.vin AND hours.hour >= days.day AND hours.hour < days.day + interval '1 day'
    )
""")  # noqa: S608 - our own tables
# Two callers, where one lost its lock unnoticed: the second one finds the marks gone.
_LOCK_MARKS = text(f"""
    SELECT marks.vin, marks.hour FROM {closing_hours.name} AS marks JOIN {_HOURS_OF_KEYS} USING (vin, hour)
    ORDER BY vin, hour FOR UPDATE OF marks
""")  # noqa: S608 - our own table
_DELETE_MARKS = text(f"""
    DELETE FROM {closing_hours.name} AS marks USING {_HOURS_OF_KEYS}
    WHERE marks.vin = chosen.vin AND marks.hour = chosen.hour
""")  # noqa: S608 - our own tables


def _pause() -> bool:
    time.sleep(0.01)
    return True


def close_hours(
    engine: Engine,
    *,
    now: datetime,
    quiet: timedelta | None = QUIET,
    vin: str | None = None,
    wait: Callable[[], bool] = _pause,
    is_limited: bool = True,
) -> int:
    """Close the open hours that have been quiet; return the number of closed ones.

    `quiet` None closes all of them, also the present hour; `vin` limits the choice to one vehicle, besides
    the hours that an earlier call left. One call at a time: the caller holds `closing_lock`. `wait` is called
    while an older transaction runs, and between two statements: it waits a moment, and returns False to give
    up, which the default never does; the marks then stay for the next call. With `is_limited` False no
    timeout applies to a statement.
    """
    _move_marks(engine, now=now, quiet=quiet, vin=vin)
    with engine.connect() as connection:
        closing = [tuple(row) for row in connection.execute(_CLOSING)]
    if not closing or not _older_transactions_have_ended(engine, wait):
        return 0
    closed, size = 0, _COMPUTED_AT_ONCE
    while closing:
        try:
            with engine.begin() as connection:
                if not is_limited:
                    disable_timeouts(connection)
                closed += _compute(connection, closing[:size])
        except OperationalError as error:
            if not isinstance(error.orig, QueryCanceled) or size == 1:
                raise
            size = max(1, size // 4)
            continue
        closing = closing[size:]
        if closing and not wait():
            break
    return closed


def count_due_hours(engine: Engine, *, now: datetime) -> int:
    """Return the number of hours that have been quiet and are not closed. Raises the database's errors."""
    with engine.connect() as connection:
        return int(connection.execute(_COUNT_DUE, _limits(now, QUIET, None)).scalar_one())


def _limits(now: datetime, quiet: timedelta | None, vin: str | None) -> dict[str, Any]:
    margin = quiet if quiet is not None else -timedelta(days=1)
    end_of_time = datetime.max.replace(tzinfo=now.tzinfo)
    return {
        "opened_by": now - margin,
        "begun_by": end_of_time if quiet is None else now - margin - timedelta(hours=1),
        "vin": vin,
    }


def _move_marks(engine: Engine, *, now: datetime, quiet: timedelta | None, vin: str | None) -> None:
    limits = {**_limits(now, quiet, vin), "most": _MOVED_AT_ONCE}
    moved = _MOVED_AT_ONCE
    while moved == _MOVED_AT_ONCE:
        with engine.begin() as connection:
            moved = connection.execute(_MOVE, limits).rowcount


def _older_transactions_have_ended(engine: Engine, wait: Callable[[], bool]) -> bool:
    began, is_told = time.monotonic(), False
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        number = connection.execute(_TAKE_NUMBER).scalar_one()
        while connection.execute(_OLDEST_RUNNING).scalar_one() < number:
            if not is_told and time.monotonic() - began > _TELL_AFTER_S:
                is_told = True
                blocker = connection.execute(_BLOCKER).scalar_one()
                log.warning("Hours can't be closed while an older transaction runs: %s.", blocker)
            if not wait():
                return False
    return True


def _compute(connection: Connection, keys: Sequence[Any]) -> int:
    wanted = array_parameters(_KEY, zip(*keys, strict=True))
    locked = [tuple(row) for row in connection.execute(_LOCK_MARKS, wanted)]
    if not locked:
        return 0
    chosen = array_parameters(_KEY, zip(*locked, strict=True))
    for statement in (_COMPUTE_HOURS, _DELETE_EMPTY_HOURS, _COMPUTE_DAYS, _DELETE_EMPTY_DAYS, _DELETE_MARKS):
        connection.execute(statement, chosen)
    return len(locked)


# An arbitrary number, which must be the same in all versions of this program.
_LOCK = 7_421_300_197


@contextmanager
def closing_lock(engine: Engine, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of `close_hours`; yield False where another caller has it and `wait` is False.

    A connection outside the engine's pool holds the lock, which ends with it. Raises the database's errors.
    """
    with engine.connect() as connection:
        connection.detach()
        connection.execute(text("SET statement_timeout = 0; SET lock_timeout = 0"))
        connection.execute(text("SET idle_in_transaction_session_timeout = 0"))
        # PostgreSQL 13 does not know this setting.
        connection.execute(
            text("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'")
        )
        if wait:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            is_held = True
        else:
            is_held = connection.execute(
                text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}
            ).scalar_one()
        # Without an open transaction, whose snapshot would keep old rows from being cleaned up.
        connection.commit()
        yield is_held
