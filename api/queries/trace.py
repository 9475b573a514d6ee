"""The readings of one vehicle as arrays, for the diagnoses: a third of the time that rows would take."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from api.db.numpy_columns import Seconds, load_as_arrays
from api.db.pool import Connection
from shared.diagnostics.trace import Trace
from shared.wire.reading import SIGNALS

_AT_ONCE = timedelta(days=7)
"""How much is asked for in one statement: what waits in the connection is held beside what was read."""

_TIMES = ("ts", "received_at")
_COLUMNS = (*_TIMES, *SIGNALS)
_FIGURES = ", ".join(
    f"array_agg({name})" if name in _TIMES else f"array_agg(coalesce({name}, 'NaN'))" for name in _COLUMNS
)
_ASKED = f"""
    SELECT {_FIGURES} FROM (
        SELECT {", ".join(_COLUMNS)} FROM telemetry
        WHERE vin = %(vin)s AND ts >= %(from_ts)s AND ts <= %(to_ts)s ORDER BY ts
    ) AS ordered
"""  # noqa: S608 - of our own columns

_US = timedelta(microseconds=1)


async def trace(
    connection: Connection, vin: str, from_ts: datetime, to_ts: datetime, current_sign: int
) -> Trace:
    """The readings of a window of at most a few weeks, both ends included."""
    cursor = connection.cursor(binary=True)
    load_as_arrays(cursor, times_as=Seconds)
    await cursor.execute(_ASKED, {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    columns = await cursor.fetchone()
    if columns is None or columns[0] is None:
        columns = (np.empty(0),) * len(_COLUMNS)
    return Trace.of_columns(columns, current_sign=current_sign)


def stretches(from_ts: datetime, to_ts: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The window in parts, each to be asked for by itself."""
    begin = from_ts
    while to_ts - begin > _AT_ONCE:
        yield begin, begin + _AT_ONCE - _US
        begin += _AT_ONCE
    yield begin, to_ts
