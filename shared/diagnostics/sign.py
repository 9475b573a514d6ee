"""SIGN_SUSPECT: driving seems to fill the battery."""

import numpy as np

from shared.diagnostics.activity import drives, known_odometer
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.profile import Profile
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Trace

_DAY_S = 86_400
_LONGEST_PAIR_S = 60.0


def sign_suspect(trace: Trace, _profile: Profile) -> list[Episode]:
    """For each day (UTC) with at least 10 km of driving: energy out less energy in (trapezoid of V*I).

    Only pairs of neighbours at most 60 s apart count, for the energy and for the way.
    """
    rule = RULES[Code.SIGN_SUSPECT]
    level = rule.levels[0]
    known = np.flatnonzero(~np.isnan(trace.pack_voltage + trace.pack_current))
    if len(known) < 2:
        return []
    ts = trace.ts[known]
    power = trace.pack_voltage[known] * trace.pack_current[known] / 1000
    way = np.diff(known_odometer(trace.odo_km)[known])
    dt = np.diff(ts)
    driven = np.concatenate(([0], np.cumsum(drives(trace))))
    counts = (dt <= _LONGEST_PAIR_S) & (np.diff(driven[known]) == np.diff(known)) & (way >= 0)
    energy = np.where(counts, (power[1:] + power[:-1]) / 2 * dt / 3600, 0.0)
    days = (ts[1:] // _DAY_S).astype(np.int64)
    begins = np.concatenate(([0], np.flatnonzero(np.diff(days)) + 1))
    net = np.add.reduceat(energy, begins)
    km = np.add.reduceat(np.where(counts, way, 0.0), begins)
    stops = np.append(begins[1:], len(days))
    found = []
    for day in np.flatnonzero((np.round(km, 6) >= rule.numbers["least_km"]) & (net < level.set)).tolist():
        inside = int(begins[day]) + np.flatnonzero(counts[begins[day] : stops[day]])
        first, last = int(inside[0]), int(inside[-1]) + 1
        found.append(
            compose(
                rule,
                ts,
                (first, last),
                ended_at=float(ts[last]),
                peak_at=last,
                peak=net[day],
                window_s=_DAY_S,
                samples=len(inside) + 1,
                detail=f"Driving from {clock(ts[first])} to {clock(ts[last])}, {km[day]:.4g} km,"
                f" took {net[day]:.4g} kWh out of the battery, more in than out.",
            )
        )
    return found
