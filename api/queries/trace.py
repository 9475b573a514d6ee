"""Readings of one vehicle as arrays for the diagnoses, loaded in a third of the time of rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from api.db.numpy_columns import Seconds, load_as_arrays
from api.db.pool import Connection
from shared.diagnostics.trace import Trace
from shared.wire.reading import SIGNALS

_PART = timedelta(days=7)
"""Length of one statement's window: its rows take memory in the connection and as arrays."""

_TIMES = ("ts", "received_at")
_COLUMNS = (*_TIMES, *SIGNALS)
_AGGREGATES = ", ".join(
    f"array_agg({name})" if name in _TIMES else f"array_agg(coalesce({name}, 'NaN'))" for name in _COLUMNS
)
_QUERY = f"""
    SELECT {_AGGREGATES} FROM (
        SELECT {", ".join(_COLUMNS)} FROM telemetry
        WHERE vin = %(vin)s AND ts >= %(from_ts)s AND ts <= %(to_ts)s ORDER BY ts
    ) AS ordered
"""  # noqa: S608 - of our own columns

_US = timedelta(microseconds=1)


async def trace(
    connection: Connection, vin: str, from_ts: datetime, to_ts: datetime, current_sign: int
) -> Trace:
    """Read the readings of a window of at most a few weeks, both ends included."""
    cursor = connection.cursor(binary=True)
    load_as_arrays(cursor, times_as=Seconds)
    await cursor.execute(_QUERY, {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    columns = await cursor.fetchone()
    if columns is None or columns[0] is None:
        columns = (np.empty(0),) * len(_COLUMNS)
    return Trace.of_columns(columns, current_sign=current_sign)


def split_window(from_ts: datetime, to_ts: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Split a window into parts, one for each statement."""
    begin = from_ts
    while to_ts - begin > _PART:
        yield begin, begin + _PART - _US
        begin += _PART
    yield begin, to_ts
