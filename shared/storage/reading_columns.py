"""Readings as columns (NumPy arrays), for the statements that store them, and what follows from them. No I/O.

Once they are columns, 5,000 readings of 100 vehicles are sorted, searched for equal keys, packed for COPY and
summed up by vehicle and hour in 1 ms of processor time.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, groupby, repeat
from math import nan
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from shared.storage import binary_format
from shared.storage.binary_format import Packed
from shared.storage.ticks import ticks, ticks_of_blocks
from shared.wire.reading import SIGNALS, Row
from shared.wire.reading_block import Column, ReadingBlock, RowParts

_HOUR = timedelta(hours=1) // timedelta(microseconds=1)


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
        blocks = rows.blocks() if isinstance(rows, RowParts) else [ReadingBlock.of(rows)]
        vins = [*chain.from_iterable(block.vins for block in blocks)]
        names = sorted(set(vins))
        code = {vin: index for index, vin in enumerate(names)}
        codes = np.fromiter(map(code.__getitem__, vins), np.intp, len(vins))
        ts = ticks_of_blocks(blocks)
        order = np.lexsort((ts, codes))
        ts, codes = ts[order], codes[order]
        # Before the other columns: readings of one key are joined first, and only then needed as columns.
        if ((ts[1:] == ts[:-1]) & (codes[1:] == codes[:-1])).any():
            raise EqualKeysError
        values = _values(blocks, len(vins))
        nulls = _nulls(blocks, values)
        arrivals = _arrivals([*chain.from_iterable(block.arrivals for block in blocks)])
        return cls(
            names,
            codes,
            ts,
            arrivals[order],
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

    def hours(self) -> tuple[list[Packed], NDArray[np.intp]]:
        """Return the first two columns of the table `open_hours`: vehicle and hour, each pair once.

        With them the index in `latest` of each one's vehicle.
        """
        hours = self.ts // _HOUR
        is_new = np.empty(len(hours), np.bool_)
        is_new[0] = True
        is_new[1:] = (hours[1:] != hours[:-1]) | (self.codes[1:] != self.codes[:-1])
        codes = self.codes[is_new]
        vehicles = np.concatenate(([0], np.cumsum(codes[1:] != codes[:-1])))
        return [
            binary_format.texts(self.vins, codes),
            binary_format.times(hours[is_new] * _HOUR),
        ], vehicles

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


def _values(blocks: Sequence[ReadingBlock], number: int) -> NDArray[np.float64]:
    """Return the values in the shape (number of signals, n), NaN for a null."""
    values = np.full((len(SIGNALS), number), nan)
    begin = 0
    for has_arrays, run in groupby(blocks, lambda block: block.ticks is not None):
        of_run = [*run]
        for block in of_run if has_arrays else ():
            for column, row in zip(block.signals, values[:, begin:], strict=True):
                if column is not None:
                    row[: len(block)] = column
            begin += len(block)
        if not has_arrays:
            end = begin + sum(map(len, of_run))
            for index in range(len(SIGNALS)):
                values[index, begin:end] = _of_objects(of_run, index, end - begin)
            begin = end
    return values


def _of_objects(blocks: Sequence[ReadingBlock], index: int, number: int) -> NDArray[np.float64]:
    try:
        return np.fromiter(_column(blocks, index), np.float64, number)
    except TypeError:
        plain = (nan if value is None else value for value in _column(blocks, index))
        return np.fromiter(plain, np.float64, number)


def _column(blocks: Sequence[ReadingBlock], index: int) -> Iterator[Any]:
    """Yield the values of a signal, NaN for those of a block without it."""
    columns = ((block.signals[index], len(block)) for block in blocks)
    return chain.from_iterable(repeat(nan, size) if column is None else column for column, size in columns)


def _nulls(blocks: Sequence[ReadingBlock], values: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    nulls = np.isnan(values)
    number = np.count_nonzero(nulls)
    if not number:
        return None
    known = (_number_of_nulls(column, len(block)) for block in blocks for column in block.signals)
    if number > sum(known):
        # A NaN that is no null would be a mistake of ours: the table refuses it.
        return np.array(
            [
                [is_null for block in blocks for is_null in _is_null(block.signals[index], len(block))]
                for index in range(len(SIGNALS))
            ]
        )
    return nulls


def _number_of_nulls(column: Column | None, size: int) -> int:
    if isinstance(column, np.ndarray):
        return 0
    return size if column is None else column.count(None)


def _is_null(column: Column | None, size: int) -> list[bool]:
    return [True] * size if column is None else [value is None for value in column]


def _doubles(values: NDArray[np.float64], nulls: NDArray[np.bool_] | None) -> list[Packed]:
    if nulls is None:
        return [binary_format.doubles(column) for column in values]
    return [binary_format.doubles(*columns) for columns in zip(values, nulls, strict=True)]


def _arrivals(times: Sequence[datetime]) -> NDArray[np.int64]:
    # The readings of a message have one time.
    distinct = [time for time, _ in groupby(times)]
    if len(distinct) > len(times) // 2:
        return ticks(times)
    return np.repeat(ticks(distinct), [len([*run]) for _, run in groupby(times)])
