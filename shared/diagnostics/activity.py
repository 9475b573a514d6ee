"""Driving and charging at each reading, for the rules, from the readings up to then.

Sessions also use later readings (of an odometer that stood still and caught up). Rules must not: an active
episode would vanish by them.
"""

import numpy as np

from shared.diagnostics.between import current_between
from shared.diagnostics.charging import charge_spans
from shared.diagnostics.masks import Mask, last_true
from shared.diagnostics.odometer import MOVED_KM, known_distance, last_known
from shared.diagnostics.rhythm import GAP_S, gaps
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile


def charging(trace: Trace, profile: Profile) -> Mask:
    """Return where the vehicle charges, the charger's pauses included; False where the current is unknown.

    The current is known between near readings of it.
    """
    mask = np.zeros(len(trace), np.bool_)
    for first, last in charge_spans(trace, profile):
        mask[first : last + 1] = True
    return mask & ~np.isnan(current_between(trace))


def charging_over(trace: Trace, charges: Mask) -> Mask:
    """Return where a charge is over: 300 s after the last reading of the charge, or 0.2 km away from it."""
    last = last_true(charges)
    km, _ = known_distance(trace)
    away = (trace.ts - trace.ts[last] >= GAP_S) | (np.round(km - km[last], 6) >= MOVED_KM)
    return (last < 0) | away


def drives(trace: Trace) -> Mask:
    """Return, for each pair of neighbouring readings, whether the pair lies within a drive.

    A drive lasts as long as the odometer rises at least once in 300 s, or in each pair of a slower rhythm.
    The current is not used: its sign may be wrong.
    """
    if len(trace) < 2:
        return np.zeros(0, np.bool_)
    odo = last_known(trace)
    rises = np.concatenate(([False], np.diff(odo) > 0))
    where = np.flatnonzero(rises)
    if not len(where):
        return np.zeros(len(trace) - 1, np.bool_)
    # For the pair that ends at i: the first rise at i or later, and the last one before i.
    pairs = np.arange(1, len(trace))
    following = np.searchsorted(where, pairs)
    after = trace.ts[where[np.minimum(following, len(where) - 1)]]
    before = trace.ts[where[np.maximum(following - 1, 0)]]
    # The first rise begins at the reading before it.
    before = np.where(following == 0, trace.ts[where[0] - 1], before)
    inside: Mask = (following < len(where)) & (after - before < GAP_S) & (trace.ts[:-1] >= before)
    inside |= rises[1:] & ~gaps(trace.ts)
    return inside
