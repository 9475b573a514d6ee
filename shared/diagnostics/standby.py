"""Charges without a gain: on the plug, a heater may take more out of the battery than the charger gives."""

from collections.abc import Sequence

import numpy as np

from shared.diagnostics.charging import CHARGED, Span
from shared.diagnostics.flows import Flow, Groups
from shared.diagnostics.masks import Mask
from shared.diagnostics.odometer_steps import resolution_km
from shared.diagnostics.session import Course
from shared.diagnostics.soc_rises import Changes
from shared.diagnostics.uncertainty import IDLE_A

_RISE = 1.0
"""% of soc from which on a charge is one, however much flowed out before and after: the last digit of many
sources [C]."""
_UNKNOWN_KWH = 0.5
"""Energy in of such a charge where soc is unknown [C]."""
_NEAR_ROAD_S, _NEAR_ROAD_S_PER_KM = 60.0, 300.0
"""Time beside a step of the odometer that belongs to the drive, and the same a km of its resolution [C]."""


def parted(course: Course, found: Changes, charges: Sequence[Span]) -> tuple[list[Span], list[Span]]:
    """Return the charges into which net energy flows, and the spans of standby in place of the others.

    A standby is all of the current at least 2 A in or out around such a charge, with pauses of at most 15
    minutes, while the odometer stands still and soc changes by less than 3 %. A charge by over 1 % of soc is
    one, however much flowed out beside it.
    """
    small = {span for span in charges if _is_small(course, found, span)}
    if not small:
        return list(charges), []
    flow = Flow.of(course.trace, 1)
    inside = np.zeros(len(course.trace), np.bool_)
    taken = np.zeros(len(course.trace), np.bool_)
    for span in charges:
        (inside if span in small else taken)[span[0] : span[1] + 1] = True
    active = (np.abs(flow.amps) >= IDLE_A) & ~_near_road(course)[flow.place]
    active |= inside[flow.place]
    active &= ~taken[flow.place] | inside[flow.place]
    way = course.km[flow.place]
    split = (np.diff(way) > 0) | (np.diff(taken[flow.place].astype(np.int8)) != 0)
    groups = Groups.of(flow, active, split)
    firsts, lasts = flow.place[groups.first], flow.place[groups.last]
    kept = [span for span in charges if span not in small]
    standby: list[Span] = []
    for span in sorted(small):
        number = int(np.searchsorted(firsts, span[0], "right")) - 1
        first, last = int(firsts[number]), int(lasts[number])
        total = course.pairs.total(first, last)
        net = total.kwh if total.covered_s > 0 else total.ah
        # Where the vehicle moved within the charge, only a part of it would be compared.
        if net < 0 or last < span[1] or abs(found.soc[last] - found.soc[first]) >= CHARGED:
            kept.append(span)
        elif not standby or standby[-1] != (first, last):
            standby.append((first, last))
    return sorted(kept), standby


def _is_small(course: Course, found: Changes, span: Span) -> bool:
    first, last = span
    rise = round(float(found.soc[last] - found.soc[first]), 6)
    if np.isnan(rise):
        return course.pairs.total(first, last).kwh_in <= _UNKNOWN_KWH
    return rise <= _RISE


def _near_road(course: Course) -> Mask:
    """Return the readings that are so near to a step of the odometer that they may belong to a drive."""
    ts = course.trace.ts
    steps = np.flatnonzero(np.diff(course.km) > 0)
    near = np.zeros(len(ts), np.bool_)
    if not len(steps):
        return near
    seconds = max(_NEAR_ROAD_S, _NEAR_ROAD_S_PER_KM * resolution_km(course.trace.odo_km))
    following = np.searchsorted(steps, np.arange(len(ts)))
    before = following < len(steps)
    near[before] = ts[steps[following[before]]] - ts[before] <= seconds
    after = following > 0
    near[after] |= ts[after] - ts[steps[following[after] - 1] + 1] <= seconds
    return near
