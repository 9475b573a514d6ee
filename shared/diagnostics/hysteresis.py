"""Set and clear conditions with debounce: from masks over readings to intervals, vectorised."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from shared.diagnostics.masks import Indices, Mask
from shared.diagnostics.rhythm import gaps
from shared.diagnostics.trace import Floats


class Interval(NamedTuple):
    """An interval from the first reading that met the set condition to the last before its end, inclusive."""

    first: int
    last: int
    ended_by: int | None
    """The reading that ended the interval: the one after `last`, or `last` itself at a gap. None: active."""

    def top(self, values: Floats) -> int:
        """Return the index of the highest value in the interval."""
        return self.first + int(np.argmax(values[self.first : self.last + 1]))

    def among(self, places: Indices) -> "Interval":
        """Convert an interval over the selection `places` into one over all readings."""
        ended_by = None if self.ended_by is None else int(places[self.ended_by])
        return Interval(int(places[self.first]), int(places[self.last]), ended_by)


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Intervals in the order of time, as arrays: there may be one for every other reading."""

    first: Indices
    last: Indices
    ended_by: Indices
    """-1 for an active one."""

    def __iter__(self) -> Iterator[Interval]:
        for first, last, ended_by in zip(
            self.first.tolist(), self.last.tolist(), self.ended_by.tolist(), strict=True
        ):
            yield Interval(first, last, None if ended_by < 0 else ended_by)


def intervals(
    ts: Floats, is_set: Mask, is_clear: Mask, *, until: float, readings: int = 1, seconds: float = 0.0
) -> Intervals:
    """Find the intervals over readings that all have the signal (without NaN, which neither sets nor clears).

    An interval begins with a run of consecutive readings that meet the set condition: `readings` of them
    over at least `seconds`, without a gap among them. The interval ends at the first later reading that meets
    the clear condition. A gap (`rhythm.gaps`, of the signal) ends an interval at the last reading before,
    unless the first reading after the gap still meets the set condition: then the interval goes on. `until`
    is the time of the vehicle's last reading: a gap of the signal up to then ends the interval, too.
    """
    silences = gaps(ts, until)
    gap = np.concatenate(([False], silences))[: len(ts)]
    begins, stops = _runs_without(gap, is_set)
    enough = np.maximum(begins + readings - 1, np.searchsorted(ts, ts[begins] + (seconds - 1e-6)))
    begins, enough = begins[enough < stops], enough[enough < stops]
    lost = gap & ~is_set
    ends = np.flatnonzero((is_clear & ~is_set) | lost)
    # Runs with the same end belong to one interval: no end lies between them, since a run contains no end.
    place, run = np.unique(np.searchsorted(ends, enough), return_index=True)
    over = place < len(ends)
    end = np.append(ends, len(ts))[place]
    silent = len(ts) > 0 and bool(silences[-1])
    ended_by = np.where(np.append(lost, silent)[end], end - 1, np.where(over, end, -1))
    return Intervals(begins[run], end - 1, ended_by)


def _runs_without(breaks: Mask, mask: Mask) -> tuple[Indices, Indices]:
    """Return runs as `masks.runs` does, but split before each place in `breaks`."""
    joined = mask[1:] & mask[:-1] & ~breaks[1:]
    edge = np.zeros(min(len(mask), 1), np.bool_)
    begins = mask & ~np.concatenate((edge, joined))
    ends = mask & ~np.concatenate((joined, edge))
    return np.flatnonzero(begins), np.flatnonzero(ends) + 1
