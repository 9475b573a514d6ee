"""Queries on the readings of one vehicle, by the keys (vin, ts), (vin, hour) and (vin, day)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from api.db.pool import Connection
from api.db.whole_hours import WholeHours
from api.queries.vehicle_states import READING

_SUMMARY = """
    SELECT EXISTS (SELECT FROM vehicle_latest WHERE vin = %(vin)s),
        coalesce(sum(samples), 0)::bigint, min(soc_min), max(soc_max), max(temp_max), min(temp_min)
    FROM (
        SELECT samples, soc_min, soc_max, max_temp_max AS temp_max, min_temp_min AS temp_min
        FROM telemetry_daily WHERE vin = %(vin)s AND day >= %(first_day)s AND day < %(last_day)s
        UNION ALL
        SELECT samples, soc_min, soc_max, max_temp_max, min_temp_min
        FROM telemetry_hourly WHERE vin = %(vin)s AND hour >= %(first)s AND hour < %(first_day)s
        UNION ALL
        SELECT samples, soc_min, soc_max, max_temp_max, min_temp_min
        FROM telemetry_hourly WHERE vin = %(vin)s AND hour >= %(last_day)s AND hour < %(last)s
        UNION ALL
        SELECT count(*), min(soc), max(soc), max(max_temp), min(min_temp)
        FROM telemetry WHERE vin = %(vin)s AND ts >= %(from_ts)s AND ts < %(first)s
        UNION ALL
        SELECT count(*), min(soc), max(soc), max(max_temp), min(min_temp)
        FROM telemetry WHERE vin = %(vin)s AND ts >= %(last)s AND ts <= %(to_ts)s
    ) AS parts
"""


async def summary(
    connection: Connection, vin: str, from_ts: datetime, to_ts: datetime
) -> tuple[Any, ...] | None:
    """Select count and extremes of a window, both ends included; None for a vehicle without readings.

    The columns are samples, soc_min, soc_max, temp_max, temp_min. Whole days and hours of the window come
    from the rollups, its ends from the readings.
    """
    hours = WholeHours.between(from_ts, to_ts)
    first_day, last_day = hours.days
    values = {
        "vin": vin,
        "from_ts": from_ts,
        "to_ts": to_ts,
        "first": hours.first,
        "last": hours.last,
        "first_day": first_day,
        "last_day": last_day,
    }
    row = await (await connection.execute(_SUMMARY, values, binary=True)).fetchone()
    return row[1:] if row and row[0] else None


async def history(
    connection: Connection,
    vin: str,
    *,
    from_ts: datetime | None,
    to_ts: datetime | None,
    after: datetime | None,
    descending: bool,
    limit: int,
) -> Sequence[tuple[Any, ...]]:
    """Select up to `limit` readings in order of ts, behind the ts `after` in that order."""
    conditions = ["vin = %(vin)s"]
    if from_ts is not None:
        conditions.append("ts >= %(from_ts)s")
    if to_ts is not None:
        conditions.append("ts <= %(to_ts)s")
    if after is not None:
        conditions.append("ts < %(after)s" if descending else "ts > %(after)s")
    order = "ts DESC" if descending else "ts"
    query = (
        f"SELECT {READING} FROM telemetry WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT %(limit)s"  # noqa: S608 - of fixed parts
    )
    values = {"vin": vin, "from_ts": from_ts, "to_ts": to_ts, "after": after, "limit": limit}
    return await (await connection.execute(query, values, binary=True)).fetchall()
