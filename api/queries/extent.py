"""Extent and counts of a vehicle's readings, from keys and rollups instead of the readings."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.db.pool import Connection
from shared.storage.reading_extent import FIRST_AND_LAST, NEIGHBOURS, START_BY_DAYS, START_BY_HOURS

_DUPLICATES = """
    SELECT coalesce(sum(duplicates), 0)::bigint FROM duplicate_counts
    WHERE vin = %(vin)s AND day >= date_trunc('day', %(from_ts)s::timestamptz, 'UTC') AND day <= %(to_ts)s
"""
_REJECTIONS = """
    SELECT count(*) FROM rejections
    WHERE vin = %(vin)s AND received_at >= %(from_ts)s AND received_at <= %(to_ts)s
"""


async def first_and_last_ts(connection: Connection, vin: str) -> tuple[datetime, datetime] | None:
    """Select the oldest and the newest ts; None for a vehicle without readings."""
    oldest, newest = await _one(connection, FIRST_AND_LAST, {"vin": vin})
    return None if oldest is None else (oldest, newest)


async def neighbouring_ts(
    connection: Connection, vin: str, from_ts: datetime, to_ts: datetime
) -> tuple[datetime | None, datetime | None]:
    """Select the last ts before a window and the first ts after it."""
    before, after = await _one(connection, NEIGHBOURS, {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    return before, after


async def start_within(
    connection: Connection, vin: str, from_ts: datetime, to_ts: datetime, most: int
) -> datetime | None:
    """Find the earliest start from which a window holds at most `most` readings.

    A start is a day or, on the last day, an hour (UTC). None where the whole window holds no more, and where
    its last hour alone holds more.
    """
    values = {"vin": vin, "from_ts": from_ts, "to_ts": to_ts, "most": most}
    row = await (await connection.execute(START_BY_DAYS, values, binary=True)).fetchone()
    if row is None or row[0] is not None:
        return row[0] if row else None
    values["from_ts"] = to_ts.replace(hour=0, minute=0, second=0, microsecond=0)
    row = await (await connection.execute(START_BY_HOURS, values, binary=True)).fetchone()
    return row[0] if row else None


async def duplicate_count(connection: Connection, vin: str, from_ts: datetime, to_ts: datetime) -> int:
    """Count the duplicates among the readings of the window's days (UTC, by their ts)."""
    (number,) = await _one(connection, _DUPLICATES, {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    return int(number)


async def rejection_count(connection: Connection, vin: str, from_ts: datetime, to_ts: datetime) -> int:
    """Count the kept rejections that were received in the window."""
    (number,) = await _one(connection, _REJECTIONS, {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    return int(number)


async def _one(connection: Connection, query: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    row = await (await connection.execute(query, values, binary=True)).fetchone()
    assert row is not None  # noqa: S101 - each of these queries returns one row
    return row
