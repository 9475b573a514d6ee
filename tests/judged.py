"""Traces for the tests of the rules, and the episodes that the rules find in them."""

import numpy as np

from shared.diagnostics.episodes import episodes
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Chemistry, Profile

T0 = 1_780_000_000.0 // 86_400 * 86_400
"""A midnight."""
FULL = Profile(series_cells=96, chemistry=Chemistry.NMC, capacity_ah=60, energy_kwh=23)
HEALTHY = {
    "soc": 60.0,
    "soh": 95.0,
    "pack_voltage": 370.0,
    "pack_current": 1.0,
    "max_temp": 25.0,
    "min_temp": 24.0,
    "odo_km": 20_000.0,
}


def made(ts, delay=0.2, **columns):
    """Build a trace at `ts` seconds after T0; a column is a number or an array; healthy where not given."""
    ts = np.asarray(ts, float)
    values = {name: np.full(len(ts), value) for name, value in HEALTHY.items()}
    for name, column in columns.items():
        assert name in values
        values[name] = np.broadcast_to(np.asarray(column, float), ts.shape).copy()
    return Trace(T0 + ts, T0 + ts + delay, *values.values())


def judged(trace, code=None, profile=FULL):
    """Return the episodes, of all codes or of one."""
    found, _ = episodes(trace, profile)
    return [episode for episode in found if code in {None, episode.code}]


def seconds(moment):
    """Return a moment of an episode in seconds after T0."""
    return None if moment is None else moment.timestamp() - T0
