"""Whether a car drives or charges, as simply as the rules need it. Currents are positive = discharge."""

import numpy as np

from shared.diagnostics.hysteresis import GAP_S, Indices, Mask, runs
from shared.diagnostics.profile import Profile
from shared.diagnostics.trace import Floats, Trace

_LEAST_CHARGING_A = 2.0
_LEAST_CHARGING_C = 0.02
_LEAST_CHARGING_S = 120.0
_OVER_S = 300.0
_OVER_KM = 0.2


def last_true(mask: Mask) -> Indices:
    """For each place the last one up to it, itself included, where `mask` is True; -1 before the first."""
    return (
        np.maximum.accumulate(np.where(mask, np.arange(len(mask)), -1)) if len(mask) else np.empty(0, np.intp)
    )


def known_odometer(odo_km: Floats) -> Floats:
    """The odometer with its last valid value in place of NaN and of 0; NaN before the first."""
    last = last_true(odo_km > 0)
    return np.where(last >= 0, odo_km[last], np.nan) if len(odo_km) else odo_km


def charging(trace: Trace, profile: Profile) -> Mask:
    """I <= -max(2 A, 0.02*capacity per hour), the odometer unchanged, both for at least 120 s on end.

    Braking never leaves the odometer unchanged for so long. False where the current is not known,
    and until the odometer is: whether such a car brakes or charges nobody can tell.
    """
    limit = max(_LEAST_CHARGING_A, _LEAST_CHARGING_C * (profile.capacity_ah or 0.0))
    odo = known_odometer(trace.odo_km)
    known = np.flatnonzero(~np.isnan(trace.pack_current))
    ts, here = trace.ts[known], odo[known]
    flows = (trace.pack_current[known] <= -limit) & ~np.isnan(here)
    broken = np.concatenate(([False], (np.diff(here) != 0) | (np.diff(ts) >= GAP_S))) if len(known) else flows
    # One run for each stretch that flows and is not broken.
    begins, stops = runs(flows)
    cuts = np.flatnonzero(broken & flows)
    begins, stops = np.union1d(begins, cuts), np.union1d(stops, cuts[np.isin(cuts, begins, invert=True)])
    long = ts[stops - 1] - ts[begins] >= _LEAST_CHARGING_S if len(begins) else np.zeros(0, np.bool_)
    change = np.zeros(len(known) + 1, np.int64)
    np.add.at(change, begins[long], 1)
    np.add.at(change, stops[long], -1)
    mask = np.zeros(len(trace), np.bool_)
    mask[known] = np.cumsum(change)[:-1] > 0
    return mask


def charging_over(trace: Trace, charges: Mask) -> Mask:
    """Where a charge is over: 300 s since the last reading that charged, or 0.2 km further."""
    last = last_true(charges)
    odo = known_odometer(trace.odo_km)
    away = (trace.ts - trace.ts[last] >= _OVER_S) | (odo - odo[last] >= _OVER_KM)
    return (last < 0) | away


def drives(trace: Trace) -> Mask:
    """For each reading but the first: whether it and the one before lie within a drive.

    A drive goes on as long as the odometer rises at least every 300 s.
    """
    if len(trace) < 2:
        return np.zeros(0, np.bool_)
    odo = known_odometer(trace.odo_km)
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
    inside: Mask = (following < len(where)) & (after - before < _OVER_S) & (trace.ts[:-1] >= before)
    return inside
