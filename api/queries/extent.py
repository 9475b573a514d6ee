"""Which of a vehicle's readings there are, without reading them: by the key, and by the days."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.db.pool import Connection

_WHOLE = """
    SELECT (SELECT min(ts) FROM telemetry WHERE vin = %(vin)s),
        (SELECT max(ts) FROM telemetry WHERE vin = %(vin)s)
"""
_BESIDE = """
    SELECT (SELECT max(ts) FROM telemetry WHERE vin = %(vin)s AND ts < %(from_ts)s),
        (SELECT min(ts) FROM telemetry WHERE vin = %(vin)s AND ts > %(to_ts)s)
"""


def _back(table: str, start: str) -> str:
    return f"""
        SELECT min({start}) FILTER (WHERE so_far <= %(most)s) FROM (
            SELECT {start}, sum(samples) OVER (ORDER BY {start} DESC) AS so_far FROM {table}
            WHERE vin = %(vin)s AND {start} <= %(to_ts)s
                AND {start} >= date_trunc('{start}', %(from_ts)s::timestamptz, 'UTC')
        ) AS starts HAVING max(so_far) > %(most)s
    """  # noqa: S608 - of our own tables


_BACK_BY_DAYS, _BACK_BY_HOURS = _back("telemetry_daily", "day"), _back("telemetry_hourly", "hour")
_TWICE = """
    SELECT coalesce(sum(duplicates), 0)::bigint FROM duplicate_counts
    WHERE vin = %(vin)s AND day >= date_trunc('day', %(from_ts)s::timestamptz, 'UTC') AND day <= %(to_ts)s
"""
_REFUSED = """
    SELECT count(*) FROM rejections
    WHERE vin = %(vin)s AND received_at >= %(from_ts)s AND received_at <= %(to_ts)s
"""


async def whole(connection: Connection, vin: str) -> tuple[datetime, datetime] | None:
    """The oldest and the newest ts; None of a vehicle that was never seen."""
    oldest, newest = await _one(connection, _WHOLE, {"vin": vin})
    return None if oldest is None else (oldest, newest)


async def beside(
    connection: Connection, vin: str, from_ts: datetime, to_ts: datetime
) -> tuple[datetime | None, datetime | None]:
    """The last ts before a window and the first one behind it."""
    before, behind = await _one(connection, _BESIDE, {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    return before, behind


async def reaching_back(
    connection: Connection, vin: str, from_ts: datetime, to_ts: datetime, most: int
) -> datetime | None:
    """From where on a window holds at most so many readings, by whole days or, of the last day, hours (UTC).

    None where all of it does, and where the last hour alone holds more.
    """
    values = {"vin": vin, "from_ts": from_ts, "to_ts": to_ts, "most": most}
    row = await (await connection.execute(_BACK_BY_DAYS, values, binary=True)).fetchone()
    if row is None or row[0] is not None:
        return row[0] if row else None
    values["from_ts"] = to_ts.replace(hour=0, minute=0, second=0, microsecond=0)
    row = await (await connection.execute(_BACK_BY_HOURS, values, binary=True)).fetchone()
    return row[0] if row else None


async def duplicate_count(connection: Connection, vin: str, from_ts: datetime, to_ts: datetime) -> int:
    """Duplicates among the readings of the window's days (UTC, by their ts)."""
    (number,) = await _one(connection, _TWICE, {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    return int(number)


async def rejection_count(connection: Connection, vin: str, from_ts: datetime, to_ts: datetime) -> int:
    """Rejections that are kept of those received in the window."""
    (number,) = await _one(connection, _REFUSED, {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    return int(number)


async def _one(connection: Connection, question: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    row = await (await connection.execute(question, values, binary=True)).fetchone()
    assert row is not None  # noqa: S101 - each of these answers one row
    return row
