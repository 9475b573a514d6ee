"""The hourly rollup: from rows to the columns of `telemetry_hourly`. No I/O.

For each vehicle and hour (UTC): the number of readings, and for each signal the number of values, minimum,
maximum and sum. Batches can be merged in any order.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.wire.reading import SIGNALS, Row
from shared.wire.timestamps import EARLIEST

HOUR = timedelta(hours=1)

SERIES = (*SIGNALS, "power_kw")
"""The series over time: each signal, and the power (kW, not rounded)."""

_NEGLIGIBLE = 1e-100
# A product that is too small for a double is an error in PostgreSQL, and 0 in NumPy.
_POWER = f"""
    CASE WHEN abs(pack_voltage) >= {_NEGLIGIBLE} AND abs(pack_current) >= {_NEGLIGIBLE}
    THEN pack_voltage * pack_current / 1000
    WHEN pack_voltage IS NOT NULL AND pack_current IS NOT NULL THEN 0.0::float8 END
"""

VALUES = {name: name for name in SIGNALS} | {"power_kw": _POWER}
"""SQL expression of each series, over the columns of `telemetry`."""

FIGURES = ("n", "min", "max", "sum")
"""Figures of each series, in the columns `soc_n`, `soc_min`, ..."""

DAY = """
    vin, date_trunc('day', hour, 'UTC') AS day, sum(samples) AS samples, min(soc_min) AS soc_min,
    max(soc_max) AS soc_max, max(max_temp_max) AS max_temp_max, min(min_temp_min) AS min_temp_min
"""
"""SELECT list of `telemetry_daily` over `telemetry_hourly`, grouped by the first two columns."""

Floats = NDArray[np.float64]


def start_of_hour(ts: datetime) -> datetime:
    """Return the full hour at or before a time in UTC."""
    return ts.replace(minute=0, second=0, microsecond=0)


def summarise_hours(rows: Sequence[Row]) -> list[Sequence[Any]]:
    """Return the columns of `telemetry_hourly` for these rows: at least one, in the order of (vin, ts).

    Each column has one element for each vehicle and hour: vins, hours, numbers of readings, then n, min, max
    and sum of each of SERIES; without any value, min and max are None and the sum is 0.
    """
    starts = list(_hour_starts(rows))
    first = [rows[start] for start in starts]
    columns: list[Sequence[Any]] = [
        [row.vin for row in first],
        [start_of_hour(row.ts) for row in first],
        np.diff(starts, append=len(rows)).tolist(),
    ]
    for column in _values(rows):
        columns += _figures(column, starts)
    return columns


def _hour_starts(rows: Sequence[Row]) -> Iterator[int]:
    vin, end = "", EARLIEST
    for place, row in enumerate(rows):
        if row[0] != vin or row[1] >= end:
            vin, end = row.vin, start_of_hour(row.ts) + HOUR
            yield place


def _values(rows: Sequence[Row]) -> list[Floats]:
    """Return the values of each of SERIES, with NaN for a row without a value."""
    columns = list(zip(*rows, strict=True))[-len(SIGNALS) :]
    # None becomes NaN.
    values = {name: np.array(column, float) for name, column in zip(SIGNALS, columns, strict=True)}
    voltage, current = values["pack_voltage"], values["pack_current"]
    power = voltage * current / 1000
    power[(np.abs(voltage) < _NEGLIGIBLE) | (np.abs(current) < _NEGLIGIBLE)] *= 0.0
    return [*values.values(), power]


def _figures(column: Floats, starts: Sequence[int]) -> Iterator[list[Any]]:
    missing = np.isnan(column)
    if not missing.any():
        yield np.diff(starts, append=len(column)).tolist()
        yield np.minimum.reduceat(column, starts).tolist()
        yield np.maximum.reduceat(column, starts).tolist()
        yield np.add.reduceat(column, starts).tolist()
        return
    numbers = np.add.reduceat(~missing, starts, dtype=int).tolist()
    yield numbers
    for minimum_or_maximum in (np.fmin, np.fmax):
        found = minimum_or_maximum.reduceat(column, starts).tolist()
        yield [value if number else None for value, number in zip(found, numbers, strict=True)]
    yield np.add.reduceat(np.where(missing, 0.0, column), starts).tolist()


def newest_of_each(rows: Iterable[Row]) -> list[Row]:
    """Return the last row of each vehicle, from rows in the order of (vin, ts)."""
    return list({row.vin: row for row in rows}.values())
