"""The state of charge checked by the voltage of the rested battery."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.diagnostics.days import DAY_S
from shared.diagnostics.masks import Mask, last_true
from shared.diagnostics.missing import InsufficientData, Missing, NotInProfile
from shared.diagnostics.open_circuit import soc_of
from shared.diagnostics.session import Session
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Chemistry, Profile, without
from shared.wording import counted

_RESTED_S = 1800.0
"""The voltage of a cell needs about half an hour to settle [C]."""
_REST_A = 1.0
_REST_C = 0.02
"""Of the nominal capacity, per hour, if that is more: largest current of a rest [C]."""
_LEAST_RESTS = 5
_NEWEST = 5


@dataclass(frozen=True, slots=True)
class RestVoltage:
    """The reported soc less the soc that the rested voltage shows, in % of soc."""

    difference: float
    """The median of all rests."""
    low: float
    """The 10th percentile of all rests; `high` is the 90th."""
    high: float
    newest: float
    """The median of the last five rests."""
    newest_day: int
    """Days since 1970, UTC."""
    rests: int


def rest_voltage(trace: Trace, sessions: Sequence[Session], profile: Profile) -> RestVoltage | Missing:
    """Compare soc with the open-circuit voltage at the end of each rest of half an hour and more.

    The curve is that of one real car; cells of another maker differ by up to 10 % of soc. So a difference
    that grows tells more than the difference itself. LFP cells are skipped: their voltage hardly changes with
    soc. Source: docs/diagnostics.md, Figures.
    """
    if profile.series_cells is None or profile.chemistry is None:
        lacking = {"series_cells": profile.series_cells, "chemistry": profile.chemistry}
        return NotInProfile(without(*(name for name, value in lacking.items() if value is None)))
    if profile.chemistry is Chemistry.LFP:
        return InsufficientData("the voltage of LFP cells hardly changes with soc")
    limit = max(_REST_A, _REST_C * (profile.capacity_ah or 0.0))
    place = np.flatnonzero(_last_of_rests(trace, sessions, limit))
    by_voltage = soc_of(trace.pack_voltage[place] / profile.series_cells)
    difference = trace.soc[place] - by_voltage
    known = ~np.isnan(difference)
    place, difference = place[known], difference[known]
    if len(place) < _LEAST_RESTS:
        return InsufficientData(
            f"{counted(len(place), 'rest')} of half an hour with soc, voltage and a current of at most"
            f" {limit:.3g} A at the end; needed are {_LEAST_RESTS}"
        )
    low, median, high = np.quantile(difference, (0.1, 0.5, 0.9)).tolist()
    return RestVoltage(
        difference=median,
        low=low,
        high=high,
        newest=float(np.median(difference[-_NEWEST:])),
        newest_day=int(trace.ts[place[-1]] // DAY_S),
        rests=len(place),
    )


def _last_of_rests(trace: Trace, sessions: Sequence[Session], limit: float) -> Mask:
    """Return the last reading with a small current of each rest that has lasted for half an hour by then."""
    quiet = np.abs(trace.pack_current) <= limit
    loud = np.abs(trace.pack_current) > limit
    for session in sessions:
        # A charge or drive over a silence shows no current: it ends with its last reading.
        loud[session.first if session.inferred else session.last : session.last + 1] = True
    last_loud = last_true(loud)
    since = np.where(last_loud >= 0, trace.ts[last_loud], trace.ts[0] if len(trace) else 0.0)
    rested = quiet & ~loud & ~np.isnan(trace.soc + trace.pack_voltage) & (trace.ts - since >= _RESTED_S)
    place = np.flatnonzero(rested)
    result = np.zeros(len(trace), np.bool_)
    if len(place):
        result[place[np.append(np.diff(last_loud[place]) != 0, True)]] = True
    return result
