"""The temperature of the cells."""

import numpy as np

from shared.diagnostics.between import interpolated
from shared.diagnostics.trace import Floats, Trace


def cell_temp(trace: Trace) -> Floats:
    """Return the mean of the hottest and the coldest cell, °C; of one alone where the other is unknown."""
    hot, cold = (interpolated(trace.ts, signal) for signal in (trace.max_temp, trace.min_temp))
    mean: Floats = (np.where(np.isnan(hot), cold, hot) + np.where(np.isnan(cold), hot, cold)) / 2
    return mean
