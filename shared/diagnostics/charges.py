"""Where a vehicle charged while it was watched."""

import numpy as np

from shared.diagnostics.gaps import GAP_S, blocks
from shared.diagnostics.session import Course
from shared.diagnostics.trace import Floats

Span = tuple[int, int]
"""Indices of the first and the last reading."""

_LEAST_A = 2.0
_LEAST_SHARE = 0.02
"""Of the nominal capacity, per hour."""
_STEADY_S = 120.0
_MOVED_KM = 0.2


def charge_spans(course: Course, capacity_ah: float | None) -> list[Span]:
    """Stretches with I <= -max(2 A, 0.02 * capacity per hour) and the odometer unchanged for >= 120 s.

    Such stretches less than 300 s apart are one charge, unless the vehicle moves by 0.2 km. Regenerative
    braking never leaves the odometer unchanged for 120 s.
    """
    found: list[Span] = []
    ts, km = course.trace.ts, np.nan_to_num(course.km)
    for first, last in _steady(course, km, max(_LEAST_A, _LEAST_SHARE * (capacity_ah or 0.0))):
        if found and ts[first] - ts[found[-1][1]] < GAP_S and km[last] - km[found[-1][0]] < _MOVED_KM:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def _steady(course: Course, km: Floats, least: float) -> list[Span]:
    """Runs of charging readings with neither another reading, nor a gap, nor a move between; >= 120 s."""
    trace = course.trace
    measured = np.flatnonzero(~np.isnan(trace.pack_current))
    charging = trace.pack_current[measured] <= -least
    place = measured[charging]
    if not len(place):
        return []
    block = blocks(trace.ts)[place]
    breaks = (np.diff(np.flatnonzero(charging)) > 1) | (np.diff(block) > 0) | (np.diff(km[place]) > 0)
    ends = np.flatnonzero(np.append(breaks, True))
    firsts, lasts = place[np.append(0, ends[:-1] + 1)], place[ends]
    long = trace.ts[lasts] - trace.ts[firsts] >= _STEADY_S
    return list(zip(firsts[long].tolist(), lasts[long].tolist(), strict=True))
