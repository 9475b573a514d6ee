"""The rule STUCK_SENSOR: the voltage stands still while the current changes."""

from collections.abc import Iterator

import numpy as np

from shared.diagnostics.activity import charging
from shared.diagnostics.between import bounds
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import Interval
from shared.diagnostics.rhythm import gaps
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile


def stuck_sensor(trace: Trace, profile: Profile) -> Iterator[Episode]:
    """Find an identical V over 5 readings and 20 s or more with a span of I over 10 A; V's change ends it.

    At 1 s a healthy pack shows the same tenth of a volt for some 8 s while the current of braking falls by
    11 A: polarisation and resistance compensate each other. A pack that reports whole volts shows the same
    value for minutes while the current changes by 15 A. So the span must also move the voltage by more than
    its smallest step in the trace, even at 0.03 ohm, half of a real pack's 0.066 [M] [C]: over 33 A at 1 V,
    17 A at 0.5 V. The step of a voltage that never changes is taken as 1 V if the voltage is whole.

    The span must hold with any one reading left out: a single current may be of a charge or a pull that the
    voltage has not followed yet. It must also hold without the fall of the current with the charge that has
    flowed: the open-circuit voltage falls, too, and over minutes both can compensate each other.

    Charges are left out: a charger holds the voltage while the current falls (constant voltage). So are runs
    of a charging current alone, but for one reading: a charge may be too short to be known as one.
    """
    rule = RULES[Code.STUCK_SENSOR]
    limit = max(rule.levels[0].set, round(_resolution(trace) / rule.numbers["least_ohm"], 6))
    # A voltage between two readings would repeat one that stands still: only its own readings count. Currents
    # between two readings count with the smaller span: at the end of a charge one is half the charger's.
    lower, higher = bounds(trace.ts, trace.pack_current)
    known = np.flatnonzero(~np.isnan(trace.pack_voltage + lower) & ~charging(trace, profile))
    if not len(known):
        return
    ts, voltage, lower, higher = trace.ts[known], trace.pack_voltage[known], lower[known], higher[known]
    gap = gaps(ts, trace.until)
    begins = np.concatenate(([0], np.flatnonzero((np.diff(voltage) != 0) | gap[:-1]) + 1))
    stops = np.append(begins[1:], len(ts))
    highest, lowest = np.maximum.reduceat(lower, begins) + 0.0, np.minimum.reduceat(higher, begins) + 0.0
    size = np.abs(lower + higher)
    span = np.round(highest - lowest, 6)
    lasts = np.round(ts[stops - 1] - ts[begins], 6)
    for run in np.flatnonzero(
        (stops - begins >= rule.readings) & (lasts >= rule.seconds) & (span > limit)
    ).tolist():
        first, last = int(begins[run]), int(stops[run]) - 1
        inside = slice(first, last + 1)
        if _least_span(ts[inside], lower[inside], higher[inside]) <= limit:
            continue
        ended_by = last if gap[last] else last + 1 if last + 1 < len(ts) else None
        interval = Interval(first, last, ended_by)
        yield compose(
            rule,
            ts,
            interval,
            peak_at=interval.top(size),
            peak=span[run],
            threshold=limit,
            window_s=ts[last] - ts[first],
            detail=f"Voltage: {voltage[first]:.6g} V in all {last - first + 1} readings from"
            f" {clock(ts[first])} to {clock(ts[last])} while the current went from {lowest[run]:.6g} to"
            f" {highest[run]:.6g} A; {rule.levels[0].severity} at a span of > {limit:.3g} A.",
        )


def _least_span(ts: Floats, lower: Floats, higher: Floats) -> float:
    """Return the span of the current without the reading that widens it most, and without its even fall."""
    spans = []
    for odd in (int(np.argmax(higher)), int(np.argmin(lower))):
        low, high = np.delete(higher, odd), np.delete(lower, odd)
        if np.max(high) < 0:
            return 0.0
        fall = _fall_with_charge(np.delete(ts, odd), (low + high) / 2)
        spans += [np.max(high) - np.min(low), np.max(high - fall) - np.min(low - fall)]
    return round(float(min(spans)), 6)


def _fall_with_charge(ts: Floats, current: Floats) -> Floats:
    """Return the part of the current (A) that falls evenly with the charge that has flowed out; else 0."""
    charge = np.concatenate(([0.0], np.cumsum(np.diff(ts) * (current[1:] + current[:-1]) / 2)))
    charge -= charge.mean()
    square = float(charge @ charge)
    slope = min(0.0, float(charge @ current) / square) if square else 0.0
    return slope * charge


def _resolution(trace: Trace) -> float:
    """Return the smallest step (V) between neighbours."""
    voltage = trace.pack_voltage[~np.isnan(trace.pack_voltage)]
    steps = np.round(np.abs(np.diff(voltage)), 6)
    if steps.any():
        return float(steps[steps > 0].min())
    return float(np.all(voltage == np.floor(voltage)))
