"""A vehicle's readings in the order of their `ts`, as arrays: what every diagnosis starts from."""

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
    """All arrays have the same length; NaN where a reading lacks the signal. `ts` strictly rises.

    Positive current = discharge, whatever sign the vehicle's own source has.
    """

    ts: Floats
    """Seconds since 1970, UTC."""
    received_at: Floats
    """The same by our clock."""
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
        """When the vehicle was last heard of; NaN for an empty trace."""
        return float(self.ts[-1]) if len(self) else np.nan

    @classmethod
    def of(cls, rows: Sequence[Row], *, current_sign: int = 1) -> Self:
        """From rows of one vehicle in any order; of two with the same `ts` the first stays, as in the store.

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
        """From one array for each field, in their order, `ts` rising and the current as its source has it."""
        ts, received_at, soc, soh, voltage, current, *rest = columns
        return cls(ts, received_at, soc, soh, voltage, current * current_sign, *rest)

    @classmethod
    def joined(cls, traces: Sequence[Self]) -> Self:
        """Of at least one, each later than the one before."""
        return cls(*(np.concatenate(parts) for parts in zip(*map(cls._columns, traces), strict=True)))

    def _columns(self) -> Iterator[Floats]:
        return (getattr(self, name) for name in self.__dataclass_fields__)

    def between(self, start: float, end: float) -> Self:
        """The readings from `start` to `end`, both included (seconds since 1970)."""
        first, last = np.searchsorted(self.ts, start, "left"), np.searchsorted(self.ts, end, "right")
        return type(self)(*(column[first:last] for column in self._columns()))


def moment(ts: float) -> datetime:
    """A time of a trace as the rest of the code has it."""
    # float: rounding one of NumPy's takes 20 times as long.
    return datetime.fromtimestamp(round(float(ts), 6), UTC)
