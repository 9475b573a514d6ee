"""Drives whose distance the odometer shows at their end, by a step that a car can drive between two readings.

A larger step is spread over the time before it (`odometer.travelled`).
"""

from collections.abc import Sequence

import numpy as np

from shared.diagnostics.charging import Span
from shared.diagnostics.flows import Flow, Groups
from shared.diagnostics.rhythm import gaps
from shared.diagnostics.session import Course
from shared.diagnostics.uncertainty import IDLE_A

_LEAST_KM = 2.0
_LEAST_KM_S = 50 / 3600
"""A car that begins to drive between two readings is slower until the second one [C]."""
_LEAST_KWH_PER_KM, _MOST_KWH_PER_KM = 0.03, 1.0
"""Consumption of a drive, from a scooter to a truck [C]: more energy was taken while parked."""


def late_drives(course: Course, closed: Sequence[Span]) -> list[Span]:
    """Find the time before a step of the odometer in which the current shows the drive of that step.

    The step follows a standstill of the odometer, has 2 km or more and over 50 km/h, and fits the energy that
    flowed out since the last pause of over 15 minutes: 30 Wh to 1 kWh per km, within the band of the energy.
    `closed`: spans in which the car can't have driven. Each span ends with the reading after the step.
    """
    trace = course.trace
    if len(trace) < 3:
        return []
    step, seconds = np.diff(course.km), np.diff(trace.ts)
    sudden = (step >= _LEAST_KM) & (step > _LEAST_KM_S * seconds) & ~gaps(trace.ts)
    sudden[1:] &= step[:-1] == 0
    sudden[0] = False
    places = np.flatnonzero(sudden)
    if not len(places):
        return []
    barred = step != 0
    for first, last in closed:
        barred[first:last] = True
    flow = Flow.of(trace, 1)
    split = np.diff(np.concatenate(([0], np.cumsum(barred)))[flow.place]) > 0
    groups = Groups.of(flow, np.abs(flow.amps) >= IDLE_A, split)
    firsts, lasts = flow.place[groups.first], flow.place[groups.last]
    found = []
    for place in places.tolist():
        number = int(np.searchsorted(firsts, place, "right")) - 1
        # The last reading with a current, or the one after it, is the one before the step.
        if number < 0 or lasts[number] < place - 1 or firsts[number] == place:
            continue
        first = int(firsts[number])
        total = course.pairs.total(first, place)
        least, most = _LEAST_KWH_PER_KM * step[place], _MOST_KWH_PER_KM * step[place]
        if total.kwh + total.kwh_up >= least and total.kwh - total.kwh_down <= most:
            found.append((first, place + 1))
    return found
