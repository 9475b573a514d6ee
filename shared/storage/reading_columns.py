"""Readings as columns (NumPy arrays), for the statements that store them, and what follows from them. No I/O.

Once they are columns, 5,000 readings of 100 vehicles are sorted, searched for equal keys, packed for COPY and
summed up by vehicle and hour in 1 ms of processor time.
"""

from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import nan
from typing import NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from shared.storage import binary_format
from shared.storage.binary_format import Packed
from shared.wire.reading import Row

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1) // _MICROSECOND


class EqualKeysError(ValueError):
    """Two readings have the same (vin, ts)."""


class ReadingColumns(NamedTuple):
    """The columns of n readings of k vehicles, in the order of (vin, ts), each key once.

    Times are in microseconds since 2000-01-01 UTC.
    """

    vins: Sequence[str]
    """The k VINs in the order of their bytes, each once."""
    codes: NDArray[np.intp]
    """Shape (n,): index in `vins` of each reading's vehicle."""
    ts: NDArray[np.int64]
    """Shape (n,)."""
    received_at: NDArray[np.int64]
    """Shape (n,)."""
    signals: NDArray[np.float64]
    """Shape (number of signals, n), in the order and the units of SIGNALS; NaN for a null."""
    nulls: NDArray[np.bool_] | None
    """True for each null, in the shape of `signals`; None without a null."""

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Self:
        """Return the columns of at least one row, in any order. Raises EqualKeysError."""
        vins, times, received_at, *signals = zip(*rows, strict=True)
        names = sorted(set(vins))
        code = {vin: index for index, vin in enumerate(names)}
        codes = np.fromiter(map(code.__getitem__, vins), np.intp, len(rows))
        ts = _ticks(times)
        order = np.lexsort((ts, codes))
        ts, codes = ts[order], codes[order]
        # Before the other columns: readings of one key are joined first, and only then needed as columns.
        if ((ts[1:] == ts[:-1]) & (codes[1:] == codes[:-1])).any():
            raise EqualKeysError
        values = _values(signals)
        nulls = _nulls(signals, values)
        return cls(
            names,
            codes,
            ts,
            _arrivals(received_at)[order],
            values[:, order],
            None if nulls is None else nulls[:, order],
        )

    def take(self, places: NDArray[np.intp] | slice) -> Self:
        """Return the readings at these indexes."""
        return self._replace(
            codes=self.codes[places],
            ts=self.ts[places],
            received_at=self.received_at[places],
            signals=self.signals[:, places],
            nulls=None if self.nulls is None else self.nulls[:, places],
        )

    def packed(self) -> list[Packed]:
        """Return the columns of the table `telemetry`."""
        return [
            binary_format.texts(self.vins, self.codes),
            binary_format.times(self.ts),
            binary_format.times(self.received_at),
            *_doubles(self.signals, self.nulls),
        ]

    def hours(self) -> list[Packed]:
        """Return the first two columns of the table `open_hours`: vehicle and hour, each pair once."""
        hours = self.ts // _HOUR
        is_new = np.empty(len(hours), np.bool_)
        is_new[0] = True
        is_new[1:] = (hours[1:] != hours[:-1]) | (self.codes[1:] != self.codes[:-1])
        return [
            binary_format.texts(self.vins, self.codes[is_new]),
            binary_format.times(hours[is_new] * _HOUR),
        ]

    def latest(self) -> list[Packed]:
        """Return the columns of the table `vehicle_latest` that follow from these readings.

        The columns VALUE_TS are left out where each value is of its vehicle's newest reading.
        """
        starts = np.concatenate(([0], np.flatnonzero(self.codes[1:] != self.codes[:-1]) + 1))
        ends = np.append(starts[1:], len(self.codes)) - 1
        head = [
            binary_format.texts(self.vins, self.codes[ends]),
            binary_format.times(self.ts[ends]),
            binary_format.times(np.maximum.reduceat(self.received_at, starts)),
        ]
        if self.nulls is None or not self.nulls[:, ends].any():
            return head + _doubles(self.signals[:, ends], None)
        # Shape (number of signals, vehicles): index of the newest reading with a value, -1 without one.
        places = np.where(self.nulls, -1, np.arange(len(self.codes)))
        newest = np.maximum.reduceat(places, starts, axis=1)
        is_missing = newest < 0
        values = np.take_along_axis(self.signals, newest, axis=1)
        value_ts = [
            binary_format.times(self.ts[of_signal], is_own)
            for of_signal, is_own in zip(newest, is_missing | (newest == ends), strict=True)
        ]
        return head + _doubles(values, is_missing) + value_ts


def _values(signals: Sequence[Sequence[float | None]]) -> NDArray[np.float64]:
    """Return the values in the shape (number of signals, n), NaN for a null."""
    try:
        # An array of Python's refuses a null, which a search for it would take as long again to find.
        return np.array([array("d", column) for column in cast(Sequence[Sequence[float]], signals)])
    except TypeError:
        return np.array([[nan if value is None else value for value in column] for column in signals])


def _nulls(
    signals: Sequence[Sequence[float | None]], values: NDArray[np.float64]
) -> NDArray[np.bool_] | None:
    nulls = np.isnan(values)
    number = np.count_nonzero(nulls)
    if not number:
        return None
    if number > sum(column.count(None) for column in signals):
        # A NaN that is no null would be a mistake of ours: the table refuses it.
        return np.array([[value is None for value in column] for column in signals])
    return nulls


def _doubles(values: NDArray[np.float64], nulls: NDArray[np.bool_] | None) -> list[Packed]:
    if nulls is None:
        return [binary_format.doubles(column) for column in values]
    return [binary_format.doubles(*columns) for columns in zip(values, nulls, strict=True)]


def _ticks(times: Sequence[datetime]) -> NDArray[np.int64]:
    return np.fromiter([(time - _EPOCH) // _MICROSECOND for time in times], np.int64, len(times))


def _arrivals(times: Sequence[datetime]) -> NDArray[np.int64]:
    # The readings of a message have one time.
    distinct = [time for time, _ in groupby(times)]
    if len(distinct) > len(times) // 2:
        return _ticks(times)
    return np.repeat(_ticks(distinct), [len([*run]) for _, run in groupby(times)])
