"""The state of charge without glitches."""

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.trace import Floats, Trace

_JUMP = 5.0
"""%; more than any charger or drive changes within _NEAR_S."""
_NEAR_S = 60.0
_LEAST_READINGS = 3


def without_glitches(trace: Trace) -> Floats:
    """Return the soc (%) with NaN for glitches: a jump by over 5 and back within 60 s, such as 50, 0, 0, 50.

    The reading next to a silence of over 60 s is a glitch, too, where it differs by a jump from its neighbour
    and that one agrees with the next. Thresholds as in the rule SOC_JUMP.
    """
    place = np.flatnonzero(~np.isnan(trace.soc))
    soc, ts = trace.soc[place], trace.ts[place]
    if len(place) < _LEAST_READINGS:
        return trace.soc.copy()
    step, near = np.diff(soc), np.diff(ts) <= _NEAR_S
    jump, calm = near & (np.abs(step) > _JUMP), near & (np.abs(step) <= _JUMP)
    odd = _excursions(ts, soc, np.flatnonzero(jump))
    isolated_before, isolated_after = np.concatenate(([True], ~near)), np.concatenate((~near, [True]))
    odd[:-2] |= isolated_before[:-2] & jump[:-1] & calm[1:]
    odd[2:] |= isolated_after[2:] & jump[1:] & calm[:-1]
    result = trace.soc.copy()
    result[place[odd]] = np.nan
    return result


def _excursions(ts: Floats, soc: Floats, jumps: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return the readings between a jump (from the reading at an index to the next one) and the jump back."""
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
