"""A vehicle's signals over time, for charts: buckets of equal length, from readings or from their hours."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from api.pool import Connection
from api.whole_hours import WholeHours
from shared.hourly import HOUR, SERIES, VALUES

# Buckets begin at whole multiples of their length from here, whatever window is asked for.
ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)


def _of_readings(condition: str) -> str:
    """Readings as if each were an hour by itself: so they add up with real ones."""
    values = (VALUES[name] for name in SERIES)
    columns = ", ".join(
        f"({value} IS NOT NULL)::integer, {value}, {value}, coalesce({value}, 0)" for value in values
    )
    return f"SELECT ts, 1, {columns} FROM telemetry WHERE vin = %(vin)s AND {condition}"  # noqa: S608


def _mean(name: str) -> str:
    # A quotient that is too small for a double is an error in PostgreSQL, which avg() does not raise.
    return f"""
        CASE WHEN abs(sum({name}_sum)) >= 1e-300 THEN sum({name}_sum) / sum({name}_n)
        WHEN sum({name}_n) > 0 THEN 0.0::float8 END
    """


def _added(parts: str) -> str:
    names = ", ".join(f"{name}_n, {name}_min, {name}_max, {name}_sum" for name in SERIES)
    figures = ", ".join(f"min({name}_min), {_mean(name)}, max({name}_max)" for name in SERIES)
    return f"""
        SELECT date_bin(%(interval)s, at, %(origin)s), sum(samples)::bigint, {figures}
        FROM ({parts}) AS parts (at, samples, {names}) GROUP BY 1 ORDER BY 1
    """  # noqa: S608


def _direct() -> str:
    figures = ", ".join(f"min({value}), avg({value}), max({value})" for value in VALUES.values())
    return f"""
        SELECT date_bin(%(interval)s, ts, %(origin)s), count(*), {figures}
        FROM telemetry WHERE vin = %(vin)s AND ts >= %(from_ts)s AND ts <= %(to_ts)s GROUP BY 1 ORDER BY 1
    """  # noqa: S608


_HOURS = ", ".join(f"{name}_n, {name}_min, {name}_max, {name}_sum" for name in SERIES)
_FROM_READINGS = _direct()
_FROM_HOURS = _added(
    f"""
        SELECT hour, samples, {_HOURS} FROM telemetry_hourly
        WHERE vin = %(vin)s AND hour >= %(first)s AND hour < %(last)s
        UNION ALL {_of_readings("ts >= %(from_ts)s AND ts < %(first)s")}
        UNION ALL {_of_readings("ts >= %(last)s AND ts <= %(to_ts)s")}
    """  # noqa: S608
)


async def series(
    connection: Connection, vin: str, from_ts: datetime, to_ts: datetime, interval: timedelta
) -> Sequence[tuple[Any, ...]]:
    """The buckets that hold readings of the window, in order: start, readings, then min, mean and max of each
    of SERIES (None without values). Whole hours come from the rollups where the interval is made of them.
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
    asked = _FROM_READINGS if interval % HOUR else _FROM_HOURS
    return await (await connection.execute(asked, values, binary=True)).fetchall()
