"""Readings of one vehicle as arrays for the diagnoses, loaded in a third of the time of rows."""

from datetime import datetime

import numpy as np

from api.db.pool import Connection
from shared.diagnostics.trace import Trace
from shared.storage.numpy_columns import Seconds, load_as_arrays
from shared.storage.read_traces import COLUMNS, WINDOW


async def trace(
    connection: Connection, vin: str, from_ts: datetime, to_ts: datetime, current_sign: int
) -> Trace:
    """Read the readings of a window of at most a few weeks, both ends included."""
    cursor = connection.cursor(binary=True)
    load_as_arrays(cursor, times_as=Seconds)
    await cursor.execute(WINDOW, {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    columns = await cursor.fetchone()
    if columns is None or columns[0] is None:
        columns = (np.empty(0),) * len(COLUMNS)
    return Trace.of_columns(columns, current_sign=current_sign)
