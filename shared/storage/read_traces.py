"""Readings as arrays, in a third of the time of rows: of a window of one vehicle, or of several vehicles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from shared.storage.numpy_columns import Seconds, load_as_arrays
from shared.wire.reading import SIGNALS

_PART = timedelta(days=7)
"""Length of one statement's window: its rows take memory in the connection and as arrays."""
_US = timedelta(microseconds=1)

_TIMES = ("ts", "received_at")
COLUMNS = (*_TIMES, *SIGNALS)
_LISTED = ", ".join(COLUMNS)
_AGGREGATES = ", ".join(
    f"array_agg({name})" if name in _TIMES else f"array_agg(coalesce({name}, 'NaN'))" for name in COLUMNS
)
WINDOW = f"""
    SELECT {_AGGREGATES} FROM (
        SELECT {_LISTED} FROM telemetry
        WHERE vin = %(vin)s AND ts >= %(from_ts)s AND ts <= %(to_ts)s ORDER BY ts
    ) AS ordered
"""  # noqa: S608 - of our own columns
"""One row of arrays: the readings of a window, NaN for null; nulls where there are none."""

# OFFSET 0: each vehicle by the key. As a join the planner may choose to read the whole table.
_WINDOWS = f"""
    SELECT array_agg(place::float8), {_AGGREGATES} FROM (
        SELECT place, {_LISTED}
        FROM unnest(%(vins)s::text[], %(from_ts)s::timestamptz[])
            WITH ORDINALITY AS wanted (vin, from_ts, place)
        CROSS JOIN LATERAL (
            SELECT {_LISTED} FROM telemetry
            WHERE telemetry.vin = wanted.vin AND ts >= wanted.from_ts
            OFFSET 0
        ) AS readings
        ORDER BY place, ts
    ) AS ordered
"""  # noqa: S608 - of our own columns

Arrays = Sequence[NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class FleetReadings:
    """Readings of several vehicles, one after the other, each in the order of `ts`."""

    place: NDArray[np.intp]
    """Place of each reading's vehicle in the list that was asked for."""
    columns: Arrays
    """An array for each of COLUMNS; times in seconds since 1970, NaN for a missing signal."""

    def of(self, place: int) -> Arrays:
        """Return the columns of one vehicle."""
        first, stop = np.searchsorted(self.place, (place, place + 1))
        return [column[first:stop] for column in self.columns]


def split_window(from_ts: datetime, to_ts: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Split a window into parts, one for each statement."""
    begin = from_ts
    while to_ts - begin > _PART:
        yield begin, begin + _PART - _US
        begin += _PART
    yield begin, to_ts


def read_window(connection: Connection[Any], vin: str, from_ts: datetime, to_ts: datetime) -> Arrays:
    """Read the readings of one vehicle's window, both ends included."""
    parts = []
    cursor = connection.cursor(binary=True)
    load_as_arrays(cursor, times_as=Seconds)
    for begin, end in split_window(from_ts, to_ts):
        row = cursor.execute(WINDOW, {"vin": vin, "from_ts": begin, "to_ts": end}).fetchone()
        if row is not None and row[0] is not None:
            parts.append(row)
    if not parts:
        return (np.empty(0),) * len(COLUMNS)
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def read_since(
    connection: Connection[Any], vins: Sequence[str], from_ts: Sequence[datetime]
) -> FleetReadings:
    """Read the readings of several vehicles in one statement, each from a time of its own on."""
    cursor = connection.cursor(binary=True)
    load_as_arrays(cursor, times_as=Seconds)
    row = cursor.execute(_WINDOWS, {"vins": list(vins), "from_ts": list(from_ts)}).fetchone()
    if row is None or row[0] is None:
        return FleetReadings(np.empty(0, np.intp), (np.empty(0),) * len(COLUMNS))
    place, *columns = row
    return FleetReadings(place.astype(np.intp) - 1, columns)
