"""A vehicle's signals over time, for charts: buckets of equal length, from readings or from their hours."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from api.db.pool import Connection
from api.db.whole_hours import WholeHours
from shared.storage.hourly_rollup import HOUR, SERIES, VALUES

# Buckets begin at whole multiples of their length from here, in every window.
ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)

_FETCH_ROWS = 500


def _as_hours(condition: str) -> str:
    """Select each reading in the columns of an hour, so that readings and hours add up."""
    values = (VALUES[name] for name in SERIES)
    columns = ", ".join(
        f"({value} IS NOT NULL)::integer, {value}, {value}, coalesce({value}, 0)" for value in values
    )
    return f"SELECT ts, 1, {columns} FROM telemetry WHERE vin = %(vin)s AND {condition}"  # noqa: S608


def _mean(name: str) -> str:
    # In PostgreSQL a quotient that is too small for a double is an error, which avg() does not raise.
    return f"""
        CASE WHEN abs(sum({name}_sum)) >= 1e-300 THEN sum({name}_sum) / sum({name}_n)
        WHEN sum({name}_n) > 0 THEN 0.0::float8 END
    """


def _summed(parts: str) -> str:
    names = ", ".join(f"{name}_n, {name}_min, {name}_max, {name}_sum" for name in SERIES)
    figures = ", ".join(f"min({name}_min), {_mean(name)}, max({name}_max)" for name in SERIES)
    return f"""
        SELECT date_bin(%(interval)s, at, %(origin)s), sum(samples)::bigint, {figures}
        FROM ({parts}) AS parts (at, samples, {names}) GROUP BY 1 ORDER BY 1
    """  # noqa: S608


def _aggregated() -> str:
    figures = ", ".join(f"min({value}), avg({value}), max({value})" for value in VALUES.values())
    return f"""
        SELECT date_bin(%(interval)s, ts, %(origin)s), count(*), {figures}
        FROM telemetry WHERE vin = %(vin)s AND ts >= %(from_ts)s AND ts <= %(to_ts)s GROUP BY 1 ORDER BY 1
    """  # noqa: S608


_HOURS = ", ".join(f"{name}_n, {name}_min, {name}_max, {name}_sum" for name in SERIES)
_FROM_READINGS = _aggregated()
_FROM_HOURS = _summed(
    f"""
        SELECT hour, samples, {_HOURS} FROM telemetry_hourly
        WHERE vin = %(vin)s AND hour >= %(first)s AND hour < %(last)s
        UNION ALL {_as_hours("ts >= %(from_ts)s AND ts < %(first)s")}
        UNION ALL {_as_hours("ts >= %(last)s AND ts <= %(to_ts)s")}
    """  # noqa: S608
)


async def series(
    connection: Connection, vin: str, from_ts: datetime, to_ts: datetime, interval: timedelta
) -> Sequence[tuple[Any, ...]]:
    """Select the buckets that hold readings of the window, in order.

    A row holds the start, the number of readings, then min, mean and max of each of SERIES (None without
    values). Where the interval is a multiple of an hour, whole hours come from the rollups.
    """
    hours = WholeHours.between(from_ts, to_ts)
    values = {
        "vin": vin,
        "from_ts": from_ts,
        "to_ts": to_ts,
        "interval": interval,
        "origin": ORIGIN,
        "first": hours.first,
        "last": hours.last,
    }
    query = _FROM_READINGS if interval % HOUR else _FROM_HOURS
    cursor = await connection.execute(query, values, binary=True)
    buckets: list[tuple[Any, ...]] = []
    # Loading all rows at once would block the event loop for 50 ms.
    while some := await cursor.fetchmany(_FETCH_ROWS):
        buckets += some
        await asyncio.sleep(0)
    return buckets
