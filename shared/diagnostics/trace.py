"""A vehicle's readings in the order of their `ts`, as arrays: what every diagnosis starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.telemetry import Row

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
        soc, soh, voltage, current, hot, cold, odo = (np.array(column, float) for column in signals)
        return cls(times, received, soc, soh, voltage, current * current_sign, hot, cold, odo)

    def between(self, start: float, end: float) -> Self:
        """The readings from `start` to `end`, both included (seconds since 1970)."""
        first, last = np.searchsorted(self.ts, start, "left"), np.searchsorted(self.ts, end, "right")
        return type(self)(*(getattr(self, name)[first:last] for name in self.__dataclass_fields__))


def moment(ts: float) -> datetime:
    """A time of a trace as the rest of the code has it."""
    return datetime.fromtimestamp(round(ts, 6), UTC)
