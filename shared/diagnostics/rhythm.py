"""The rhythm of a source: the usual interval of a signal's readings around each moment.

One place decides from it which readings are neighbours, which pairs are valid, and what is a gap. No decision
changes at a fixed number of seconds: a fixed number is only the floor for fast sources. Source:
docs/diagnostics.md, Rhythm.
"""

import numpy as np

from shared.diagnostics.masks import Indices, Mask
from shared.diagnostics.trace import Floats

PAIR_S = 60.0
"""Floor for the power between two readings: twice the longest period that GB/T 32960 allows."""
GAP_S = 300.0
"""Floor for a gap: a silence that is too long for conclusions about the time between."""
_SHARE = 2.5
"""A silence up to so many times the usual interval is within the rhythm: one reading may be missing [C]."""
_LONGEST_S = 9000.0
"""Ceiling of every silence within a rhythm: that of an hourly source [C]."""
_AROUND = 9
"""Intervals around a pair whose median is its usual interval: few, since a car drives at another rhythm than
it is parked [C]."""
BESIDE = _AROUND // 2 + 1
"""Pairs from one to another one whose nine intervals don't include it."""
_LEAST_INTERVALS = 4
"""Fewer are no rhythm: then only the floors hold."""


def usual_intervals(ts: Floats, pairs: Indices) -> Floats:
    """Return the usual interval (s) around each of `pairs`; NaN where fewer than four intervals are known.

    Pair i is that of the readings i and i + 1 of `ts`, the times of the readings that have the signal. The
    usual interval is the median of the nine intervals around the pair.
    """
    intervals = np.diff(ts)
    if len(intervals) < _LEAST_INTERVALS:
        return np.full(len(pairs), np.nan)
    width = min(_AROUND, len(intervals))
    begin = np.clip(pairs - width // 2, 0, len(intervals) - width)
    medians: Floats = np.median(intervals[begin[:, None] + np.arange(width)], axis=1)
    return medians


def longest_silences(ts: Floats, pairs: Indices, floor_s: float) -> Floats:
    """Return the longest interval (s) that is within the rhythm at each of `pairs`: at least `floor_s`."""
    usual = np.nan_to_num(usual_intervals(ts, pairs))
    return np.clip(_SHARE * usual, floor_s, _LONGEST_S)


def near(ts: Floats, floor_s: float = PAIR_S) -> Mask:
    """Return which neighbouring readings are near each other: at most `floor_s` apart, or in the rhythm."""
    intervals = np.round(np.diff(ts), 6)
    result: Mask = intervals <= floor_s
    far = np.flatnonzero(~result)
    result[far] = intervals[far] <= longest_silences(ts, far, floor_s)
    return result


def gaps(ts: Floats, until: float | None = None) -> Mask:
    """Return which intervals are gaps: 300 s or more, and beyond the rhythm.

    With `until` there is one more entry: the time from the last reading to `until`, at the last rhythm.
    """
    intervals = np.diff(ts) if until is None else np.diff(ts, append=until)
    result: Mask = intervals >= GAP_S
    long = np.flatnonzero(result)
    result[long] = ~(intervals[long] <= _limits_of_gaps(ts, long))
    return result


def _limits_of_gaps(ts: Floats, pairs: Indices) -> Floats:
    last = max(len(ts) - 2, 0)
    limits = longest_silences(ts, np.minimum(pairs, last), GAP_S)
    # A gap begins at 300 s, while a slower source is still in its rhythm at its own limit.
    return np.where(limits > GAP_S, limits, np.nextafter(GAP_S, 0))
