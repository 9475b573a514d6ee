"""What the vehicle takes from its battery per way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.odometer import steps_by_whole_km
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.trace import Trace

_LEAST_KM_WHOLE = 5.0
_LEAST_KM = 0.5
_SAMPLING_S = 5.0
"""Power swings faster. Real trips, thinned out: the figure of one is off by 12 % (standard deviation) at 5 s,
23 % at 10 s, 44 % at 30 s, and the energy out of all is 4, 6 and 8 % low [M]."""
_LEAST_COVERAGE = 0.9
"""A drive with less of its energy known would look thrifty [C]."""


@dataclass(frozen=True, slots=True)
class Consumption:
    """Over all drives that can be used."""

    kwh_per_100_km: float
    kwh: float
    """Net: out less in."""
    km: float
    drives: int
    sampling_ok: bool
    """False where the median interval within these drives is above 5 s."""


def consumption(trace: Trace, sessions: Sequence[Session]) -> Consumption | Missing:
    """100 * net kWh / km over the trace's drives with a coverage of at least 0.9; regained energy taken off.

    A drive needs >= 5 km when the odometer steps by whole km, else 0.5 km. `sessions` are those of this
    trace. Source: docs/diagnostics.md, Figures.
    """
    least = _LEAST_KM_WHOLE if steps_by_whole_km(trace) else _LEAST_KM
    kwh, km, drives = 0.0, 0.0, 0
    intervals = []
    for session in sessions:
        if session.kind is not Kind.DRIVE or session.kwh_out is None or session.kwh_in is None:
            continue
        if session.km is not None and session.km >= least and session.coverage >= _LEAST_COVERAGE:
            kwh, km, drives = kwh + session.kwh_out - session.kwh_in, km + session.km, drives + 1
            intervals.append(np.diff(trace.ts[session.first : session.last + 1]))
    if np.isnan(trace.odo_km).all():
        return InsufficientData("no reading has odo_km")
    if not drives:
        return InsufficientData(f"no drive of at least {least:g} km with {_LEAST_COVERAGE:.0%} measured")
    sampling_ok = bool(np.median(np.concatenate(intervals)) <= _SAMPLING_S)
    return Consumption(100 * kwh / km, kwh, km, drives, sampling_ok)
