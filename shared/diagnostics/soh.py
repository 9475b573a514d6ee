"""The state of health that a vehicle reports, as of a moment."""

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.trace import Floats, Trace

_READINGS = 7
"""So many are asked for their median: one that is wrong must not decide [C]."""


def latest_soh(trace: Trace, places: NDArray[np.intp]) -> Floats:
    """At each of these readings (by index) the median (%) of the last 7 values up to it; NaN without any."""
    known = np.flatnonzero(~np.isnan(trace.soh))
    number = np.searchsorted(known, places, "right")
    result = np.full(len(places), np.nan)
    seen = number > 0
    wanted = number[seen, None] - 1 - np.arange(_READINGS)
    values = np.where(wanted >= 0, trace.soh[known[np.maximum(wanted, 0)]], np.nan)
    if seen.any():
        result[seen] = np.nanmedian(values, axis=1)
    return result
