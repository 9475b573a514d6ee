"""Charges of a vehicle: one definition for both sessions and rules."""

import numpy as np

from shared.diagnostics.masks import Indices, Mask, last_true
from shared.diagnostics.odometer import MOVED_KM, known_distance
from shared.diagnostics.odometer_steps import COARSE_KM, resolution_km
from shared.diagnostics.rhythm import GAP_S, gaps, longest_silences
from shared.diagnostics.trace import Floats, Trace

Span = tuple[int, int]
"""Indices of the first and the last reading."""

_LEAST_A = 2.0
_LEAST_SHARE = 0.02
"""Of the nominal capacity, per hour."""
_STEADY_S = 120.0
_STEADY_S_PER_KM = 300.0
"""At 20 km/h downhill an odometer of whole km stands still for 180 s; for 300 s only below 12 km/h [C]."""
_STEADY_BLIND_S = 600.0
"""For an unknown odometer, where the vehicle may move: longer than any braking [C]."""
_BLIND_READINGS = 4
"""Least readings of a charge without an odometer: a quarter of a drive's readings may be braking [C]."""
_DRIVING_A = 5.0
"""Average over a pause above which the vehicle has driven off [C]."""


def charge_spans(trace: Trace, capacity_ah: float | None) -> list[Span]:
    """Find charges: I <= -max(2 A, 0.02 * capacity per hour), ended by a time without that or by 0.2 km.

    A charge begins with 120 s of such a current with the odometer known and unchanged; 300 s for each km of
    the odometer's smallest step, if that is more, and at most the 600 s and four readings of an unknown one.
    Each later reading with such a current, less than 300 s after the one before (or within the rhythm of a
    slower source) and less than 0.2 km from the beginning, belongs to the charge: chargers pulse. Where the
    odometer is unknown or of steps from 0.5 km on, a pause with over 5 A out on average ends the charge.
    Source: docs/diagnostics.md, Sessions.
    """
    measured = np.flatnonzero(~np.isnan(trace.pack_current))
    current = trace.pack_current[measured]
    flowing = np.flatnonzero(current <= -max(_LEAST_A, _LEAST_SHARE * (capacity_ah or 0.0)))
    place = measured[flowing]
    if not len(place):
        return []
    km, known_at = known_distance(trace)
    step_km = resolution_km(trace.odo_km) if km[-1] > 0 else 0.0
    silent = np.append(gaps(trace.ts[measured]), False)
    breaks = (np.diff(flowing) > 1) | silent[flowing[:-1]] | (np.diff(km[place]) != 0)
    ends = np.flatnonzero(np.append(breaks, True))
    begins = np.append(0, ends[:-1] + 1)
    first, last = place[begins], place[ends]
    goes_on = ~_too_long(trace.ts[measured], flowing[ends[:-1]], flowing[begins[1:]])
    has_odometer = (known_at[first[1:]] > trace.ts[last[:-1]]) & (step_km < COARSE_KM)
    goes_on &= has_odometer | (_means_between(current, flowing[ends[:-1]], flowing[begins[1:]]) <= _DRIVING_A)
    steady = _steady(trace.ts, first, last, known_at, max(_STEADY_S, _STEADY_S_PER_KM * step_km))
    steady &= (known_at[last] > trace.ts[first]) | _fills(trace, first, last, ends - begins + 1)
    stops = _stops(np.flatnonzero(steady), goes_on, km[first])
    return [(int(first[one]), int(last[other])) for one, other in stops]


def _too_long(ts: Floats, before: Indices, after: Indices) -> Mask:
    """Return which pauses, from reading `before` to `after`, are too long for one charge."""
    pause = ts[after] - ts[before]
    result: Mask = pause >= GAP_S
    long = np.flatnonzero(result)
    limits = longest_silences(ts, before[long], GAP_S)
    result[long] = (limits <= GAP_S) | (pause[long] > limits)
    return result


def _steady(ts: Floats, first: Indices, last: Indices, known_at: Floats, least: float) -> Mask:
    """Return which stretches (with an unchanged odometer) are long enough to begin a charge."""
    known = known_at[np.isfinite(known_at)]
    since = np.maximum(ts[first], known[0] if len(known) else np.inf)
    steady: Mask = (known_at[last] - since >= least) | (ts[last] - ts[first] >= _STEADY_BLIND_S)
    return steady


def _fills(trace: Trace, first: Indices, last: Indices, readings: Indices) -> Mask:
    """Return which stretches are a charge without an odometer: by four readings, while soc does not fall.

    Few readings may all fall into separate brakings.
    """
    known = last_true(~np.isnan(trace.soc))
    soc = np.where(known >= 0, trace.soc[known], np.nan)
    fills: Mask = (readings >= _BLIND_READINGS) & ~(soc[last] < soc[first])
    return fills


def _means_between(current: Floats, before: Indices, after: Indices) -> Floats:
    """Return the means of the values between two indexes, both excluded; 0 where there is no value."""
    so_far = np.concatenate(([0.0], np.cumsum(current)))
    count = after - before - 1
    means: Floats = (so_far[after] - so_far[before + 1]) / np.maximum(count, 1)
    return means


def _stops(steady: Indices, goes_on: Mask, km: Floats) -> list[Span]:
    """Return the first and last stretch of each charge, which continues from a steady one within 0.2 km."""
    last_of_row = np.flatnonzero(np.append(~goes_on, True))
    found: list[Span] = []
    number = 0
    while number < len(steady):
        start = int(steady[number])
        # Half of the last digit less, so that 0.2 km is reached despite its binary representation.
        near = int(np.searchsorted(km, km[start] + MOVED_KM - 5e-7)) - 1
        stop = min(near, int(last_of_row[np.searchsorted(last_of_row, start)]))
        found.append((start, stop))
        number = int(np.searchsorted(steady, stop, "right"))
    return found
