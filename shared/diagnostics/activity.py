"""Whether a car drives or charges, for the rules: by its odometer as it was known at each reading.

Sessions look back with all that came later (an odometer that stood still and caught up); an episode that is
active must not vanish because of that.
"""

import numpy as np

from shared.diagnostics.charging import charge_spans
from shared.diagnostics.gaps import GAP_S
from shared.diagnostics.masks import Mask, last_true
from shared.diagnostics.odometer import MOVED_KM, carried, last_known
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile


def charging(trace: Trace, profile: Profile) -> Mask:
    """Where it charges, pauses of the charger included; False where the current is not known."""
    mask = np.zeros(len(trace), np.bool_)
    for first, last in charge_spans(trace, profile.capacity_ah):
        mask[first : last + 1] = True
    return mask & ~np.isnan(trace.pack_current)


def charging_over(trace: Trace, charges: Mask) -> Mask:
    """Where a charge is over: 300 s since the last reading that charged, or 0.2 km further."""
    last = last_true(charges)
    way, _ = carried(trace)
    away = (trace.ts - trace.ts[last] >= GAP_S) | (np.round(way - way[last], 6) >= MOVED_KM)
    return (last < 0) | away


def drives(trace: Trace) -> Mask:
    """For each reading but the first: whether it and the one before lie within a drive.

    A drive goes on as long as the odometer rises at least every 300 s. The current is not asked: its sign
    may be the wrong one.
    """
    if len(trace) < 2:
        return np.zeros(0, np.bool_)
    odo = last_known(trace)
    rises = np.concatenate(([False], np.diff(odo) > 0))
    where = np.flatnonzero(rises)
    if not len(where):
        return np.zeros(len(trace) - 1, np.bool_)
    # Of the pair that ends at i: the first rise at i or later, and the last one before i.
    pairs = np.arange(1, len(trace))
    following = np.searchsorted(where, pairs)
    after = trace.ts[where[np.minimum(following, len(where) - 1)]]
    before = trace.ts[where[np.maximum(following - 1, 0)]]
    # The first rise begins at the reading before it.
    before = np.where(following == 0, trace.ts[where[0] - 1], before)
    inside: Mask = (following < len(where)) & (after - before < GAP_S) & (trace.ts[:-1] >= before)
    return inside
