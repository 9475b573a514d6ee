"""The last full charge: an LFP battery's state of charge drifts without one."""

from dataclasses import dataclass

import numpy as np

from shared.diagnostics.days import DAY_S
from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.trace import Trace

_FULL = 99.0
"""% of soc: some vehicles never show 100 [C]."""


@dataclass(frozen=True, slots=True)
class FullCharge:
    """The last time at which the battery was full."""

    at: float
    """Seconds since 1970."""
    days: float
    """From then to the last reading."""


def full_charge(trace: Trace) -> FullCharge | Missing:
    """Find the last reading with soc >= 99 %. Source: docs/diagnostics.md, Figures."""
    full = np.flatnonzero(trace.soc >= _FULL)
    if not len(full):
        known = not np.isnan(trace.soc).all()
        return InsufficientData(f"soc never reached {_FULL:g} %" if known else "no reading has soc")
    at = float(trace.ts[full[-1]])
    return FullCharge(at, (trace.until - at) / DAY_S)
