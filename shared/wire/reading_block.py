"""Readings that stay columns from the decoder to the database; a row is made only where it is read."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from shared.wire.reading import Row
from shared.wire.time_texts import Ticks

_new = tuple.__new__

Column = Sequence[float | None] | NDArray[np.float64]


class _Rows(Sequence[Row]):
    """A sequence of rows, equal to any sequence of the same rows, also to a list."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    def __repr__(self) -> str:
        return repr([*self])


class ReadingBlock(_Rows):
    """n readings as columns of n values each.

    `moments` are the `ts` of the readings, and `times` the texts that they were parsed from, each of the
    same length; one of the two may be None. `signals` is in the order of SIGNALS; a column is None where the
    signal is null in each reading. A block of many readings has `ticks`, too, their `ts` as microseconds
    since 2000-01-01 UTC: then each column of `signals` is an array (NumPy), without a null, or None.
    """

    __slots__ = ("_moments", "arrivals", "signals", "ticks", "times", "vins")

    def __init__(
        self,
        vins: Sequence[str],
        moments: Sequence[datetime] | None,
        arrivals: Sequence[datetime],
        signals: Sequence[Column | None],
        times: Sequence[str] | None = None,
        *,
        ticks: Ticks | None = None,
    ) -> None:
        self.vins = vins
        self._moments = moments
        self.arrivals = arrivals
        self.signals = signals
        self.times = times
        self.ticks = ticks

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Self:
        """Return the columns of at least one row; a block as it is."""
        if isinstance(rows, cls):
            return rows
        vins, moments, arrivals, *signals = zip(*rows, strict=True)
        return cls(vins, moments, arrivals, signals)

    @property
    def moments(self) -> Sequence[datetime]:
        """The `ts` of each reading."""
        if self._moments is None:
            self._moments = [self.moment(place) for place in range(len(self))]
        return self._moments

    def moment(self, place: int) -> datetime:
        """Return the `ts` of the reading at this index."""
        if self._moments is not None:
            return self._moments[place]
        if self.times is None:
            raise ValueError("a block without times")
        return datetime.fromisoformat(self.times[place])

    def __len__(self) -> int:
        return len(self.vins)

    def __iter__(self) -> Iterator[Row]:
        columns = (
            repeat(None) if column is None else column.tolist() if isinstance(column, np.ndarray) else column
            for column in self.signals
        )
        # Made without Row's own __new__, for speed.
        return map(_new, repeat(Row), zip(self.vins, self.moments, self.arrivals, *columns, strict=False))

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> "ReadingBlock": ...
    def __getitem__(self, place: int | slice) -> "Row | ReadingBlock":
        if isinstance(place, int):
            values = [_value(column, place) for column in self.signals]
            return Row(self.vins[place], self.moment(place), self.arrivals[place], *values)
        return ReadingBlock(
            self.vins[place],
            None if self._moments is None else self._moments[place],
            self.arrivals[place],
            [None if column is None else column[place] for column in self.signals],
            None if self.times is None else self.times[place],
            ticks=None if self.ticks is None else self.ticks[place],
        )


def _value(column: Column | None, place: int) -> float | None:
    if isinstance(column, np.ndarray):
        return float(column[place])
    return None if column is None else column[place]


class RowParts(_Rows):
    """Rows in the order in which they were added, with blocks kept as columns."""

    __slots__ = ("_firsts", "_length", "parts")

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.parts: list[list[Row] | ReadingBlock] = []
        self._firsts: list[int] = []
        self._length = 0
        self.extend(rows)

    def extend(self, rows: Sequence[Row]) -> None:
        """Add rows at the end; those of a list are copied."""
        if not rows:
            return
        if isinstance(rows, ReadingBlock):
            self._firsts.append(self._length)
            self.parts.append(rows)
        elif self.parts and isinstance(last := self.parts[-1], list):
            last += rows
        else:
            self._firsts.append(self._length)
            self.parts.append([*rows])
        self._length += len(rows)

    def times(self, step: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield `ts` and `received_at` of every `step`-th row."""
        at = 0
        for part in self.parts:
            places = range(-at % step, len(part), step)
            if isinstance(part, ReadingBlock):
                yield from ((part.moment(place), part.arrivals[place]) for place in places)
            else:
                yield from ((part[place].ts, part[place].received_at) for place in places)
            at += len(part)

    def blocks(self) -> list[ReadingBlock]:
        """Return all rows as columns."""
        return [ReadingBlock.of(part) for part in self.parts]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(self.parts)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> "RowParts": ...
    def __getitem__(self, place: int | slice) -> "Row | RowParts":
        if isinstance(place, slice):
            return self._slice(*place.indices(self._length))
        number, at = self._locate(place)
        return self.parts[number][at]

    def __setitem__(self, place: int, row: Row) -> None:
        number, at = self._locate(place)
        part = self.parts[number]
        if isinstance(part, ReadingBlock):
            self.parts[number] = part = [*part]
        part[at] = row

    def _locate(self, place: int) -> tuple[int, int]:
        """Return the index of a row's part, and the row's index in the part."""
        place = range(self._length)[place]
        number = bisect_right(self._firsts, place) - 1
        return number, place - self._firsts[number]

    def _slice(self, start: int, stop: int, step: int) -> "RowParts":
        if step != 1:
            return RowParts([self[place] for place in range(start, stop, step)])
        found = RowParts()
        for first, part in zip(self._firsts, self.parts, strict=True):
            found.extend(part[max(start - first, 0) : max(stop - first, 0)])
        return found
