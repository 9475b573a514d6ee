"""Medians per day (UTC)."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.trace import Floats

DAY_S = 86_400.0


def split_by_day(ts: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Return the days of rising `ts` (since 1970), and the indexes of their first readings plus the end."""
    day = np.floor(ts / DAY_S)
    begins = np.flatnonzero(np.diff(day, prepend=-np.inf)) if len(day) else np.zeros(0, np.intp)
    return day[begins], np.append(begins, len(day))


def daily_medians(ts: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Return the days (since 1970) with at least one value, and the median of each; NaN is ignored."""
    known = ~np.isnan(values)
    days, edges = split_by_day(ts[known])
    values = values[known]
    medians = [np.median(values[first:last]) for first, last in pairwise(edges)]
    return days, np.array(medians, float)


def weekly_medians(days: Floats, medians: Floats) -> Floats:
    """Return, for each day, the median of the daily medians of this day and the 6 days before it."""
    since = np.searchsorted(days, days - 6)
    return np.array([np.median(medians[a : b + 1]) for b, a in enumerate(since.tolist())]).round(6)
