"""The state of charge without readings that can't be true."""

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.trace import Floats, Trace

_JUMP = 5.0
"""%; more than any charger or drive moves within _NEAR_S."""
_NEAR_S = 60.0
_FEWEST_TO_TELL = 3


def without_glitches(trace: Trace) -> Floats:
    """The soc (%) with NaN for readings that it left by over 5 and came back from, within 60 s: 50, 0, 0, 50.

    The first or last reading before a silence over 60 s is one too, when it jumps and its neighbour
    agrees with the reading beyond. Thresholds as in the rule SOC_JUMP.
    """
    place = np.flatnonzero(~np.isnan(trace.soc))
    soc, ts = trace.soc[place], trace.ts[place]
    if len(place) < _FEWEST_TO_TELL:
        return trace.soc.copy()
    step, near = np.diff(soc), np.diff(ts) <= _NEAR_S
    jump, calm = near & (np.abs(step) > _JUMP), near & (np.abs(step) <= _JUMP)
    odd = _excursions(ts, soc, np.flatnonzero(jump))
    lonely_before, lonely_after = np.concatenate(([True], ~near)), np.concatenate((~near, [True]))
    odd[:-2] |= lonely_before[:-2] & jump[:-1] & calm[1:]
    odd[2:] |= lonely_after[2:] & jump[1:] & calm[:-1]
    result = trace.soc.copy()
    result[place[odd]] = np.nan
    return result


def _excursions(ts: Floats, soc: Floats, jumps: NDArray[np.intp]) -> NDArray[np.bool_]:
    """The readings between a jump (from the reading of that index to the next) and the one back."""
    odd = np.zeros(len(soc), np.bool_)
    last = -1
    for number, out in enumerate(jumps.tolist()):
        if out < last:
            continue
        for back in jumps[number + 1 :]:
            if ts[back + 1] - ts[out] > _NEAR_S:
                break
            if abs(soc[back + 1] - soc[out]) <= _JUMP:
                odd[out + 1 : back + 1] = True
                last = int(back) + 1
                break
    return odd
