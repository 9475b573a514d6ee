"""Insertion of readings, with rollups and latest readings; used by the worker and by POST.

`store` runs inside the caller's transaction: its result is valid once that has committed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import eq, itemgetter
from typing import Any, NamedTuple

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, DateTime, Double, Integer, Table, Text, TextClause, text

from shared.storage.count_duplicates import count_duplicates
from shared.storage.hourly_rollup import DAY, newest_of_each, summarise_hours
from shared.storage.tables import names, telemetry, telemetry_daily, telemetry_hourly, vehicle_latest
from shared.wire.reading import SIGNALS, Row

Parameters = dict[str, Any]


class Outcome(NamedTuple):
    """The outcome of the rows of one call."""

    stored: int
    """Number of rows that were inserted."""
    duplicates: Sequence[int]
    """Indexes of rows whose key was stored before, or repeats in the call, with the same values."""
    conflicts: Sequence[int]
    """Indexes of rows whose key was stored before with other values, which stay."""


class CopyBackoff:
    """The choice between COPY and merging for the next batch; one object for each process that writes.

    COPY is the fastest insert, but has no ON CONFLICT: a single reading that is stored already undoes the
    whole batch. So after a failed COPY the next batches are merged, up to 256 of them, twice as many after
    each failure; merged batches without a duplicate count down to the next COPY. Threads may share the
    object: a lost update does no harm.
    """

    def __init__(self) -> None:
        self._to_merge = 0
        self._next = 1

    @property
    def advises_merging(self) -> bool:
        return self._to_merge > 0

    def copied(self) -> None:
        """Note that a COPY succeeded."""
        self._next = 1

    def failed(self) -> None:
        """Note that a COPY failed on a stored row."""
        self._to_merge = self._next
        self._next = min(2 * self._next, _MOST_MERGES)

    def merged(self, *, duplicates: bool) -> None:
        """Note that a batch was merged, with or without duplicates."""
        if not duplicates and self._to_merge:
            self._to_merge -= 1


_MOST_MERGES = 256
# For fewer rows, COPY with its savepoint takes longer than merging, by its round trips.
_LEAST_ROWS_TO_COPY = 50
_KEY = itemgetter(0, 1)

_ELEMENT = {Text: "text", DateTime: "timestamptz", Double: "float8", Integer: "int4"}
_COLUMNS = names(telemetry)


def store(connection: Connection, rows: Sequence[Row], copy_backoff: CopyBackoff) -> Outcome:
    """Insert readings that are new by (vin, ts); update latest readings, rollups and duplicate counts.

    Raises the database's errors, which `shared.storage.error_classes.classify` classifies.
    """
    if not rows:
        return Outcome(0, (), ())
    # Two writers that insert the same keys in opposite orders would deadlock.
    ordered = sorted(rows, key=_KEY)
    if (
        len(rows) >= _LEAST_ROWS_TO_COPY
        and not copy_backoff.advises_merging
        and not _has_duplicate_keys(ordered)
    ):
        figures = _copy(connection, ordered)
        if figures is not None:
            copy_backoff.copied()
            connection.execute(_KEEP_FIGURES, figures)
            return Outcome(len(rows), (), ())
        copy_backoff.failed()
    stored = _merge(connection, rows)
    outcome, fresh = (
        (Outcome(len(rows), (), ()), ordered) if stored is None else _classify(connection, rows, stored)
    )
    copy_backoff.merged(duplicates=outcome.stored < len(rows))
    if fresh:
        connection.execute(_KEEP_FIGURES, _figures(fresh))
    count_duplicates(connection, (rows[place] for place in outcome.duplicates))
    return outcome


def _has_duplicate_keys(ordered: Sequence[Row]) -> bool:
    times = [row[1] for row in ordered]
    # Equal neighbouring times first: that comparison takes a tenth of the time of the exact one.
    return any(map(eq, times, times[1:])) and len(set(map(_KEY, ordered))) < len(ordered)


_COPY = f"COPY {telemetry.name} ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_COPY_TYPES = [_ELEMENT[type(column.type)] for column in telemetry.columns]


def _copy(connection: Connection, ordered: Sequence[Row]) -> Parameters | None:
    """Insert by COPY; return the rows' figures, or None, without an insert, where a key was stored before.

    The figures are computed here, while the server is still busy with the rows.
    """
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.execute("SAVEPOINT before_copy")
        try:
            with cursor.copy(_COPY) as copy:
                copy.set_types(_COPY_TYPES)
                for row in ordered:
                    copy.write_row(row)
                figures = _figures(ordered)
        except UniqueViolation:
            cursor.execute("ROLLBACK TO SAVEPOINT before_copy")
            return None
        cursor.execute("RELEASE SAVEPOINT before_copy")
    return figures


def _arrays(table: Table, prefix: str = "") -> str:
    """Return SQL for the rows of a table as a relation, from one array a column."""
    arrays = ", ".join(
        f"CAST(:{prefix}{column.name} AS {_ELEMENT[type(column.type)]}[])" for column in table.columns
    )
    return f"unnest({arrays})"


def _listed(table: Table) -> str:
    return ", ".join(names(table))


def _incoming() -> str:
    """Return SQL for the rows with their `position`."""
    return f"SELECT * FROM {_arrays(telemetry)} WITH ORDINALITY AS arrived ({_listed(telemetry)}, position)"  # noqa: S608 - of our own columns


def _insert_statement() -> TextClause:
    """Return an INSERT of the new rows; it returns their keys only where some keys were stored before.

    The rows are sorted inside the INSERT, since a SELECT without ORDER BY has no defined order. By `position`
    the first of two rows with the same key is stored.
    """
    return text(f"""
        WITH incoming AS (
            {_incoming()}
        ), stored AS (
            INSERT INTO {telemetry.name} ({_listed(telemetry)})
            SELECT {_listed(telemetry)} FROM incoming ORDER BY vin COLLATE "C", ts, position
            ON CONFLICT (vin, ts) DO NOTHING
            RETURNING vin, ts
        ), counted AS (
            SELECT count(*) AS number FROM stored
        )
        SELECT number = :arrivals,
            CASE WHEN number < :arrivals THEN ARRAY(SELECT vin FROM stored) END,
            CASE WHEN number < :arrivals THEN ARRAY(SELECT ts FROM stored) END
        FROM counted
    """)  # noqa: S608 - built from our own table, not from input


def _conflicts_statement() -> TextClause:
    """Return a SELECT of the rows whose values differ from the stored row of their key, after the insert."""
    sent, kept = (
        ", ".join(f"{relation}.{name}" for name in SIGNALS) for relation in ("incoming", "telemetry")
    )
    return text(f"""
        WITH incoming AS ({_incoming()})
        SELECT position FROM incoming JOIN {telemetry.name} USING (vin, ts)
        WHERE ({sent}) IS DISTINCT FROM ({kept}) ORDER BY position
    """)  # noqa: S608 - built from our own table, not from input


_INSERT = _insert_statement()
_CONFLICTS = _conflicts_statement()


def _merge(connection: Connection, rows: Sequence[Row]) -> set[tuple[str, datetime]] | None:
    """Insert the new rows; return their keys, or None where all rows were new."""
    arrays = _transposed(rows)
    all_new, vins, times = connection.execute(_INSERT, {**arrays, "arrivals": len(rows)}).one()
    return None if all_new else set(zip(vins, times, strict=True))


def _classify(
    connection: Connection, rows: Sequence[Row], stored: set[tuple[str, datetime]]
) -> tuple[Outcome, list[Row]]:
    """Return the outcome of each row where some were stored before, and the new rows in key order."""
    conflicts = [position - 1 for position in connection.execute(_CONFLICTS, _transposed(rows)).scalars()]
    left, rest, fresh = set(stored), set[int](), list[Row]()
    for place, row in enumerate(rows):
        # The first row of a key is the one that was stored.
        if (key := _KEY(row)) in left:
            left.remove(key)
            fresh.append(row)
        else:
            rest.add(place)
    outcome = Outcome(len(stored), sorted(rest - set(conflicts)), conflicts)
    return outcome, sorted(fresh, key=_KEY)


def _figures_statement() -> TextClause:
    """Return the upsert of hours, days and latest readings: one round trip, each table in key order."""
    newer = ", ".join(f"{name} = excluded.{name}" for name in names(vehicle_latest) if name != "vin")
    return text(f"""
        WITH incoming AS MATERIALIZED (
            SELECT * FROM {_arrays(telemetry_hourly)} AS hour ({_listed(telemetry_hourly)})
        ), hours AS (
            INSERT INTO {telemetry_hourly.name} AS known ({_listed(telemetry_hourly)})
            SELECT * FROM incoming ORDER BY vin COLLATE "C", hour
            ON CONFLICT (vin, hour) DO UPDATE SET {_all_added(telemetry_hourly)}
        ), days AS (
            INSERT INTO {telemetry_daily.name} AS known ({_listed(telemetry_daily)})
            SELECT {DAY} FROM incoming GROUP BY 1, 2 ORDER BY vin COLLATE "C", 2
            ON CONFLICT (vin, day) DO UPDATE SET {_all_added(telemetry_daily)}
        )
        INSERT INTO {vehicle_latest.name} AS known ({_listed(vehicle_latest)})
        SELECT * FROM {_arrays(vehicle_latest, "latest_")} AS latest ({_listed(vehicle_latest)})
        ORDER BY vin COLLATE "C"
        ON CONFLICT (vin) DO UPDATE SET {newer} WHERE excluded.ts > known.ts
    """)  # noqa: S608 - built from our own tables, not from input


def _all_added(table: Table) -> str:
    return ", ".join(_added(column.name) for column in table.columns if not column.primary_key)


def _added(name: str) -> str:
    if name.endswith("_min"):
        return f"{name} = least(known.{name}, excluded.{name})"
    if name.endswith("_max"):
        return f"{name} = greatest(known.{name}, excluded.{name})"
    return f"{name} = known.{name} + excluded.{name}"


_KEEP_FIGURES = _figures_statement()


def _figures(fresh: Sequence[Row]) -> Parameters:
    """Return the parameters of `_KEEP_FIGURES` for new rows in key order."""
    latest = zip(*newest_of_each(fresh), strict=True)
    return _arrays_of(telemetry_hourly, summarise_hours(fresh)) | _arrays_of(
        vehicle_latest, latest, "latest_"
    )


def _transposed(rows: Sequence[Row]) -> Parameters:
    return _arrays_of(telemetry, zip(*rows, strict=True))


def _arrays_of(table: Table, columns: Iterable[Sequence[Any]], prefix: str = "") -> Parameters:
    """Return one array literal a column; psycopg would take ten times as long to make it from a list."""
    return {
        f"{prefix}{name}": f"{{{','.join(_elements(column))}}}"
        for name, column in zip(names(table), columns, strict=True)
    }


def _elements(column: Sequence[Any]) -> Iterable[str]:
    if isinstance(column[0], str):
        return (_quoted(text) for text in column)
    if isinstance(column[0], datetime):
        return map(datetime.isoformat, column)
    if None in column:
        return ("NULL" if number is None else repr(number) for number in column)
    return map(repr, column)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
