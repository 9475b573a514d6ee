"""The one way readings enter the database, used by the worker and by POST.

`store` runs inside the caller's transaction: what it returns is true once that has committed.
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
    """What became of the rows of one call."""

    stored: int
    """Those that are in the table now."""
    duplicates: Sequence[int]
    """Places of those whose key was there before (or came twice in the call), with the same values."""
    conflicts: Sequence[int]
    """Places of those whose key has a row with other values, which stays."""


class CopyBackoff:
    """Whether readings are expected that are stored already. One for each process that writes.

    COPY is the fastest way in and knows no ON CONFLICT: one reading that is there already, and all that it
    has done is undone. So after one that failed, merging is used, for longer each time; batches without a
    duplicate bring COPY back. Threads may share it: a count that gets lost does no harm.
    """

    def __init__(self) -> None:
        self._to_merge = 0
        self._next = 1

    @property
    def advises_merging(self) -> bool:
        return self._to_merge > 0

    def copied(self) -> None:
        """A COPY went well."""
        self._next = 1

    def failed(self) -> None:
        """A COPY met a row that was there."""
        self._to_merge = self._next
        self._next = min(2 * self._next, _LONGEST_MERGING)

    def merged(self, *, duplicates: bool) -> None:
        """A batch was merged; it held duplicates, or none."""
        if not duplicates and self._to_merge:
            self._to_merge -= 1


_LONGEST_MERGING = 256
# For fewer rows, COPY with its savepoint has more round trips than it saves.
_COPY_FROM = 50
_KEY = itemgetter(0, 1)

_ELEMENT = {Text: "text", DateTime: "timestamptz", Double: "float8", Integer: "int4"}
_COLUMNS = names(telemetry)


def store(connection: Connection, rows: Sequence[Row], caution: CopyBackoff) -> Outcome:
    """Insert readings that are new by (vin, ts), keep each vehicle's newest, its hours, and what came twice.

    Raises what the database raises; `shared.database_errors.classify` says what to do about it.
    """
    if not rows:
        return Outcome(0, (), ())
    # Two writers that insert the same keys in opposite orders would deadlock.
    ordered = sorted(rows, key=_KEY)
    if len(rows) >= _COPY_FROM and not caution.advises_merging and not _holds_one_twice(ordered):
        figures = _copy(connection, ordered)
        if figures is not None:
            caution.copied()
            connection.execute(_KEEP_FIGURES, figures)
            return Outcome(len(rows), (), ())
        caution.failed()
    stored = _merge(connection, rows)
    outcome, fresh = (
        (Outcome(len(rows), (), ()), ordered) if stored is None else _sort_out(connection, rows, stored)
    )
    caution.merged(duplicates=outcome.stored < len(rows))
    if fresh:
        connection.execute(_KEEP_FIGURES, _figures(fresh))
    count_duplicates(connection, (rows[place] for place in outcome.duplicates))
    return outcome


def _holds_one_twice(ordered: Sequence[Row]) -> bool:
    times = [row[1] for row in ordered]
    # The first look costs a tenth of the second one.
    return any(map(eq, times, times[1:])) and len(set(map(_KEY, ordered))) < len(ordered)


_COPY = f"COPY {telemetry.name} ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_COPY_TYPES = [_ELEMENT[type(column.type)] for column in telemetry.columns]


def _copy(connection: Connection, ordered: Sequence[Row]) -> Parameters | None:
    """Insert by COPY; returns the rows' figures, or None, with nothing inserted, where a key was there.

    The figures are made here since the server is still busy with what it was sent.
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
    """The rows of a table as a relation, from one array a column."""
    arrays = ", ".join(
        f"CAST(:{prefix}{column.name} AS {_ELEMENT[type(column.type)]}[])" for column in table.columns
    )
    return f"unnest({arrays})"


def _listed(table: Table) -> str:
    return ", ".join(names(table))


def _incoming() -> str:
    """The rows with their `position`."""
    return f"SELECT * FROM {_arrays(telemetry)} WITH ORDINALITY AS arrived ({_listed(telemetry)}, position)"  # noqa: S608 - of our own columns


def _insert_statement() -> TextClause:
    """Inserts what is new; which keys are rows now comes out only where some were rows before.

    Sorted inside the INSERT: nothing else says in which order a SELECT hands over its rows. `position`
    makes the first of two equal keys the one that stays.
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
    """Which arrivals differ from the row that their key has now, after the insert."""
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
    """Insert what is new; the keys that were, or None for all of them."""
    arrays = _transposed(rows)
    all_new, vins, times = connection.execute(_INSERT, {**arrays, "arrivals": len(rows)}).one()
    return None if all_new else set(zip(vins, times, strict=True))


def _sort_out(
    connection: Connection, rows: Sequence[Row], stored: set[tuple[str, datetime]]
) -> tuple[Outcome, list[Row]]:
    """What became of each row where some were there before, and those that are new, in order."""
    conflicts = [position - 1 for position in connection.execute(_CONFLICTS, _transposed(rows)).scalars()]
    left, rest, fresh = set(stored), set[int](), list[Row]()
    for place, row in enumerate(rows):
        # The first of its key is the one that was stored.
        if (key := _KEY(row)) in left:
            left.remove(key)
            fresh.append(row)
        else:
            rest.add(place)
    outcome = Outcome(len(stored), sorted(rest - set(conflicts)), conflicts)
    return outcome, sorted(fresh, key=_KEY)


def _figures_statement() -> TextClause:
    """Adds to hours and days and keeps the newest, in one round trip, each in the order of its key."""
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
    """What rows that are new, in order, add to their hours, and each vehicle's newest."""
    latest = zip(*newest_of_each(fresh), strict=True)
    return _arrays_of(telemetry_hourly, summarise_hours(fresh)) | _arrays_of(
        vehicle_latest, latest, "latest_"
    )


def _transposed(rows: Sequence[Row]) -> Parameters:
    return _arrays_of(telemetry, zip(*rows, strict=True))


def _arrays_of(table: Table, columns: Iterable[Sequence[Any]], prefix: str = "") -> Parameters:
    """One array a column, as PostgreSQL writes it: psycopg takes ten times as long to do that for a list."""
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
