"""The reported state of health at a given time."""

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.trace import Floats, Trace

_READINGS = 7
"""Number of values whose median is taken, so that a single wrong one does not decide [C]."""


def latest_soh(trace: Trace, places: NDArray[np.intp]) -> Floats:
    """Return, at each of these readings (by index), the median (%) of the last 7 values; NaN without any."""
    known = np.flatnonzero(~np.isnan(trace.soh))
    number = np.searchsorted(known, places, "right")
    result = np.full(len(places), np.nan)
    seen = number > 0
    last_ones = number[seen, None] - 1 - np.arange(_READINGS)
    values = np.where(last_ones >= 0, trace.soh[known[np.maximum(last_ones, 0)]], np.nan)
    if seen.any():
        result[seen] = np.nanmedian(values, axis=1)
    return result


def newest_soh(trace: Trace) -> float | None:
    """Return the median (%) of the last 7 values of a trace; None without any."""
    if np.isnan(trace.soh).all():
        return None
    return float(latest_soh(trace, np.array([len(trace) - 1]))[0])
