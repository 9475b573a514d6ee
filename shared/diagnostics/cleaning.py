"""The one cleaning of a trace, before sessions, cycles, capacity and rules see its readings."""

from dataclasses import dataclass, replace

import numpy as np

from shared.diagnostics.masks import Mask
from shared.diagnostics.odometer_cleaning import cleaned_odometer
from shared.diagnostics.odometer_steps import resolution_km
from shared.diagnostics.soc import without_glitches
from shared.diagnostics.temperatures import Implausible
from shared.diagnostics.trace import Floats, Trace


@dataclass(frozen=True, slots=True)
class Removed:
    """Values that the figures do not use, by their number of readings."""

    soc_glitches: int
    """Values of soc that were taken back without a cause, or that no battery can reach so fast."""
    soh_zeros: int
    """A battery management system that has not answered yet shows 0."""
    temp_implausible: int
    """Temperatures of an absent or broken sensor."""
    odo_zeros: int
    odo_wrong: int
    """Values of the odometer that it took back: left out, or shifted by the step to them."""
    odo_resolution_km: float | None
    """Smallest step of the odometer; None without an odometer."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A trace without wrong values of odometer, soc, soh and temperatures, and the number of those."""

    trace: Trace
    removed: Removed


def clean(trace: Trace) -> Cleaned:
    """Clean a trace; the readings stay, and wrong values become NaN.

    Source: docs/diagnostics.md, Cleaning.
    """
    # A signal without wrong values is not copied: a year of readings is large.
    soh = _without(trace.soh, trace.soh == 0)
    odo = cleaned_odometer(trace.ts, trace.odo_km)
    soc = without_glitches(replace(trace, odo_km=odo))
    wrong = Implausible.of(trace)
    hot, cold = _without(trace.max_temp, wrong.hottest), _without(trace.min_temp, wrong.coldest)
    zeros = (trace.odo_km == 0) & np.isnan(odo)
    removed = Removed(
        soc_glitches=int(np.isnan(soc).sum() - np.isnan(trace.soc).sum()),
        soh_zeros=int(np.sum(trace.soh == 0)),
        temp_implausible=int(np.sum(wrong.hottest) + np.sum(wrong.coldest)),
        odo_zeros=int(np.sum(zeros)),
        odo_wrong=int(np.sum(~zeros & ~np.isnan(trace.odo_km) & (odo != trace.odo_km))),
        odo_resolution_km=resolution_km(odo) if (odo > 0).any() else None,
    )
    return Cleaned(replace(trace, soc=soc, soh=soh, max_temp=hot, min_temp=cold, odo_km=odo), removed)


def _without(values: Floats, wrong: Mask) -> Floats:
    return np.where(wrong, np.nan, values) if wrong.any() else values
