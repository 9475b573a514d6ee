"""The one way readings enter the database, used by the worker and by POST.

`store` runs inside the caller's transaction: what it returns is true once that has committed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, DateTime, Double, Text, TextClause, text

from shared.tables import telemetry, vehicle_latest
from shared.telemetry import SIGNALS, Reading


class Arrival(NamedTuple):
    """A reading and when we received it (our clock, UTC)."""

    reading: Reading
    received_at: datetime


class Outcome(NamedTuple):
    """What became of the arrivals of one call."""

    stored: int
    """Readings that are rows now."""
    duplicates: Sequence[int]
    """Places among the arrivals whose row was there before (or came twice in the call), the same values."""
    conflicts: Sequence[int]
    """Places among the arrivals whose key has a row with other values, which stays."""


_ELEMENT = {Text: "text", DateTime: "timestamptz", Double: "double precision"}


def _incoming() -> tuple[str, str]:
    """The columns, and the arrivals as a relation of them and `position`, from one array a column."""
    listed = ", ".join(column.name for column in telemetry.columns)
    arrays = ", ".join(
        f"CAST(:{column.name} AS {_ELEMENT[type(column.type)]}[])" for column in telemetry.columns
    )
    relation = f"unnest({arrays}) WITH ORDINALITY AS arrived ({listed}, position)"
    return listed, f"SELECT * FROM {relation}"  # noqa: S608 - of our own columns


def _insert_statement() -> TextClause:
    """One statement, so one round trip: rows in, newest kept, count out.

    Sorted by key inside the INSERT: two writers that insert the same keys in opposite orders would
    deadlock. `position` makes the first of two equal keys the one that stays. The keys that are rows now
    come out only where some are not: with a new batch, the usual case, the arrays are not even built.
    """
    listed, incoming = _incoming()
    changes = ", ".join(f"{name} = excluded.{name}" for name in listed.split(", ") if name != "vin")
    return text(f"""
        WITH incoming AS (
            {incoming}
        ), stored AS (
            INSERT INTO {telemetry.name} ({listed})
            SELECT {listed} FROM incoming ORDER BY vin, ts, position
            ON CONFLICT (vin, ts) DO NOTHING
            RETURNING {listed}
        ), newest AS (
            INSERT INTO {vehicle_latest.name} AS known ({listed})
            SELECT DISTINCT ON (vin) {listed} FROM stored ORDER BY vin, ts DESC
            ON CONFLICT (vin) DO UPDATE SET {changes} WHERE excluded.ts > known.ts
        ), counted AS (
            SELECT count(*) AS number FROM stored
        )
        SELECT number,
            CASE WHEN number < :arrivals THEN ARRAY(SELECT vin FROM stored) END,
            CASE WHEN number < :arrivals THEN ARRAY(SELECT ts FROM stored) END
        FROM counted
    """)  # noqa: S608 - built from our own table, not from input


def _conflicts_statement() -> TextClause:
    """Which arrivals differ from the row that their key has now, after the insert."""
    _, incoming = _incoming()
    sent, kept = (
        ", ".join(f"{relation}.{name}" for name in SIGNALS) for relation in ("incoming", "telemetry")
    )
    return text(f"""
        WITH incoming AS ({incoming})
        SELECT position FROM incoming JOIN {telemetry.name} USING (vin, ts)
        WHERE ({sent}) IS DISTINCT FROM ({kept}) ORDER BY position
    """)  # noqa: S608 - built from our own table, not from input


_INSERT = _insert_statement()
_CONFLICTS = _conflicts_statement()


def store(connection: Connection, arrivals: Sequence[Arrival]) -> Outcome:
    """Insert readings that are new by (vin, ts), and keep each vehicle's newest.

    Raises what the database raises; `shared.database_errors.classify` says what to do about it.
    """
    if not arrivals:
        return Outcome(0, (), ())
    columns: dict[str, object] = {
        "vin": [arrival.reading.vin for arrival in arrivals],
        "ts": [arrival.reading.ts for arrival in arrivals],
        "received_at": [arrival.received_at for arrival in arrivals],
    }
    for name in SIGNALS:
        columns[name] = [getattr(arrival.reading, name) for arrival in arrivals]
    stored, vins, times = connection.execute(_INSERT, {**columns, "arrivals": len(arrivals)}).one()
    if stored == len(arrivals):
        return Outcome(stored, (), ())
    conflicts = [position - 1 for position in connection.execute(_CONFLICTS, columns).scalars()]
    rest = _not_first(arrivals, set(zip(vins, times, strict=True))) - set(conflicts)
    return Outcome(stored, sorted(rest), conflicts)


def _not_first(arrivals: Sequence[Arrival], stored: set[tuple[str, datetime]]) -> set[int]:
    """The places of the arrivals that are not the row of their key: all but the first one of each stored."""
    rest = set()
    for place, (reading, _) in enumerate(arrivals):
        key = reading.vin, reading.ts
        if key in stored:
            stored.remove(key)
        else:
            rest.add(place)
    return rest
