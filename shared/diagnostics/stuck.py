"""STUCK_SENSOR: the voltage stands still while the current changes."""

import numpy as np

from shared.diagnostics.activity import charging
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import GAP_S
from shared.diagnostics.profile import Profile
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Trace


def stuck_sensor(trace: Trace, profile: Profile) -> list[Episode]:
    """V identical over 5 readings or more, among which I spans over 10 A; ends when V changes.

    Not while charging: a charger holds the voltage while the current falls (constant voltage).
    """
    rule = RULES[Code.STUCK_SENSOR]
    limit = rule.levels[0].set
    known = np.flatnonzero(~np.isnan(trace.pack_voltage + trace.pack_current) & ~charging(trace, profile))
    if not len(known):
        return []
    ts, voltage, current = trace.ts[known], trace.pack_voltage[known], trace.pack_current[known]
    gap = np.diff(ts) >= GAP_S
    begins = np.concatenate(([0], np.flatnonzero((np.diff(voltage) != 0) | gap) + 1))
    stops = np.append(begins[1:], len(ts))
    highest, lowest = np.maximum.reduceat(current, begins), np.minimum.reduceat(current, begins)
    span = np.round(highest - lowest, 6)
    found = []
    for run in np.flatnonzero((stops - begins >= rule.readings) & (span > limit)).tolist():
        first, last = int(begins[run]), int(stops[run]) - 1
        top = first + int(np.argmax(np.abs(current[first : last + 1])))
        ended = None if last + 1 == len(ts) else float(ts[last if gap[last] else last + 1])
        found.append(
            compose(
                rule,
                ts,
                (first, last),
                ended_at=ended,
                peak_at=top,
                peak=span[run],
                window_s=ts[last] - ts[first],
                detail=f"Voltage: {voltage[first]:.6g} V in all {last - first + 1} readings from"
                f" {clock(ts[first])} to {clock(ts[last])} while the current went from {lowest[run]:.6g} to"
                f" {highest[run]:.6g} A; {rule.levels[0].severity} at a span of > {limit:g} A.",
            )
        )
    return found
