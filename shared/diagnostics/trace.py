"""The trace: a vehicle's readings in the order of their `ts`, as arrays; the input of all diagnostics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.wire.reading import Row

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Readings as arrays of one length, with NaN where a reading lacks the signal. `ts` strictly rises.

    Positive current = discharge, also for a source with the other sign.
    """

    ts: Floats
    """Seconds since 1970, UTC."""
    received_at: Floats
    """Time of receipt by our clock, seconds since 1970, UTC."""
    soc: Floats
    """%"""
    soh: Floats
    """%"""
    pack_voltage: Floats
    """V"""
    pack_current: Floats
    """A"""
    max_temp: Floats
    """°C, hottest cell"""
    min_temp: Floats
    """°C, coldest cell"""
    odo_km: Floats
    """km"""

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def until(self) -> float:
        """`ts` of the last reading; NaN for an empty trace."""
        return float(self.ts[-1]) if len(self) else np.nan

    @classmethod
    def of(cls, rows: Sequence[Row], *, current_sign: int = 1) -> Self:
        """Make a trace from rows of one vehicle in any order; of rows with the same `ts` the first counts.

        `current_sign` is -1 for a source whose charging current is positive.
        """
        first: dict[datetime, Row] = {}
        for row in rows:
            first.setdefault(row.ts, row)
        ordered = [first[ts] for ts in sorted(first)]
        columns = list(zip(*ordered, strict=True)) if ordered else [()] * len(Row._fields)
        _vin, ts, received_at, *signals = columns
        times, received = (np.array([each.timestamp() for each in column]) for column in (ts, received_at))
        # None becomes NaN.
        values = [np.array(column, float) for column in signals]
        return cls.of_columns([times, received, *values], current_sign=current_sign)

    @classmethod
    def of_columns(cls, columns: Sequence[Floats], *, current_sign: int = 1) -> Self:
        """Make a trace from one array for each field, `ts` rising, the current with the source's sign."""
        ts, received_at, soc, soh, voltage, current, *rest = columns
        return cls(ts, received_at, soc, soh, voltage, current * current_sign, *rest)

    @classmethod
    def joined(cls, traces: Sequence[Self]) -> Self:
        """Join traces, at least one, each of them later than the one before."""
        return cls(*(np.concatenate(parts) for parts in zip(*map(cls._columns, traces), strict=True)))

    def _columns(self) -> Iterator[Floats]:
        return (getattr(self, name) for name in self.__dataclass_fields__)

    def between(self, start: float, end: float) -> Self:
        """Return the readings from `start` to `end`, both included (seconds since 1970)."""
        first, last = np.searchsorted(self.ts, start, "left"), np.searchsorted(self.ts, end, "right")
        return type(self)(*(column[first:last] for column in self._columns()))


def moment(ts: float) -> datetime:
    """Convert a time of a trace to a datetime, rounded to microseconds."""
    # float(): rounding a NumPy float takes 20 times as long.
    return datetime.fromtimestamp(round(float(ts), 6), UTC)
