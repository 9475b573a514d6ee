"""Medians per day (UTC)."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.trace import Floats

DAY_S = 86_400.0


def split_by_day(ts: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """The days of rising `ts` (days since 1970), and the index of each one's first reading plus the end."""
    day = np.floor(ts / DAY_S)
    begins = np.flatnonzero(np.diff(day, prepend=-np.inf)) if len(day) else np.zeros(0, np.intp)
    return day[begins], np.append(begins, len(day))


def daily_medians(ts: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Days (since 1970) with at least one value, and the median of each; NaN is left out."""
    known = ~np.isnan(values)
    days, edges = split_by_day(ts[known])
    values = values[known]
    medians = [np.median(values[first:last]) for first, last in pairwise(edges)]
    return days, np.array(medians, float)
