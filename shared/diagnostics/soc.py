"""The state of charge without readings that can't be true."""

import numpy as np

from shared.diagnostics.trace import Floats, Trace

_JUMP = 5.0
"""%; more than any charger or drive moves within _NEAR_S."""
_NEAR_S = 60.0


def without_glitches(trace: Trace) -> Floats:
    """The soc (%) with NaN for single readings that jump by over 5 within 60 s and back: 50, 0, 50.

    The first or last reading before a silence over 60 s is one too, when it jumps and its neighbour
    agrees with the reading beyond. Thresholds as in the rule SOC_JUMP.
    """
    place = np.flatnonzero(~np.isnan(trace.soc))
    soc, ts = trace.soc[place], trace.ts[place]
    if len(place) < 3:
        return trace.soc.copy()
    step, near = np.diff(soc), np.diff(ts) <= _NEAR_S
    jump, calm = near & (np.abs(step) > _JUMP), near & (np.abs(step) <= _JUMP)
    odd = np.zeros(len(soc), np.bool_)
    odd[1:-1] = jump[:-1] & jump[1:] & (step[:-1] * step[1:] < 0)
    lonely_before, lonely_after = np.concatenate(([True], ~near)), np.concatenate((~near, [True]))
    odd[:-2] |= lonely_before[:-2] & jump[:-1] & calm[1:]
    odd[2:] |= lonely_after[2:] & jump[1:] & calm[:-1]
    result = trace.soc.copy()
    result[place[odd]] = np.nan
    return result
