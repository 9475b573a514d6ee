"""SQL of the hourly and daily rollups over the readings of vehicles, hours and days in UTC.

For each vehicle and hour: the number of readings, and for each series the number of values, minimum, maximum
and sum.
"""

from datetime import datetime, timedelta

from shared.wire.reading import SIGNALS

HOUR = timedelta(hours=1)

SERIES = (*SIGNALS, "power_kw")
"""The series over time: each signal, and the power (kW, not rounded)."""

_NEGLIGIBLE = 1e-100
# A product that is too small for a double is an error in PostgreSQL.
_POWER = f"""
    CASE WHEN abs(pack_voltage) >= {_NEGLIGIBLE} AND abs(pack_current) >= {_NEGLIGIBLE}
    THEN pack_voltage * pack_current / 1000
    WHEN pack_voltage IS NOT NULL AND pack_current IS NOT NULL THEN 0.0::float8 END
"""

VALUES = {name: name for name in SIGNALS} | {"power_kw": _POWER}
"""SQL expression of each series, over the columns of `telemetry`."""

FIGURES = ("n", "min", "max", "sum")
"""Figures of each series, in the columns `soc_n`, `soc_min`, ..."""

HOUR_FIGURES = "count(*)::integer AS samples, " + ", ".join(
    f"count({value})::integer AS {name}_n, min({value}) AS {name}_min, max({value}) AS {name}_max,"
    f" coalesce(sum({value}), 0) AS {name}_sum"
    for name, value in VALUES.items()
)
"""Aggregates over `telemetry` in the order of the columns of `closed_hours`, without its key."""

DAY = """
    vin, date_trunc('day', hour, 'UTC') AS day, sum(samples)::integer AS samples, min(soc_min) AS soc_min,
    max(soc_max) AS soc_max, max(max_temp_max) AS max_temp_max, min(min_temp_min) AS min_temp_min
"""
"""SELECT list of `closed_days` over hours, grouped by the first two columns."""


def start_of_hour(ts: datetime) -> datetime:
    """Return the full hour at or before a time in UTC."""
    return ts.replace(minute=0, second=0, microsecond=0)
