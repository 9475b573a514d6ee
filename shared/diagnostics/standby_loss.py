"""The standby loss: the fall of the state of charge at rest."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.rests import Rests
from shared.diagnostics.soh import newest_soh
from shared.diagnostics.theil_sen import Estimate
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile

_LEAST_DAYS = 0.25
"""Shorter rests hold the relaxation of the voltage, by which soc is corrected [C]."""
_LEAST_SUM_DAYS = 1.0
_LARGEST_RISE = 1.0
"""% of soc: a rest over which it rises by more held a charge or a correction [C]."""
_Z95 = 1.96
_LARGEST_STEP = 1.0


@dataclass(frozen=True, slots=True)
class StandbyLoss:
    """The loss over all rests together."""

    percent_per_day: Estimate
    watts: Estimate | None
    """By the profile's energy_kwh and the reported soh; None without both."""
    rests: int
    days: float
    """Sum of the rests."""


def standby_loss(trace: Trace, rests: Rests, profile: Profile) -> StandbyLoss | Missing:
    """Compute the sum of the falls of soc over the sum of the time, over rests of at least 6 hours.

    The interval is that of the resolution of soc: the smallest step, at both ends of each rest, and at
    least the scatter of the rests. Source: docs/diagnostics.md, Figures.
    """
    days, before, after = rests.stretches()
    fall = np.round(before - after, 6)
    chosen = (days >= _LEAST_DAYS) & (fall >= -_LARGEST_RISE)
    days, fall = days[chosen], fall[chosen]
    total = float(days.sum())
    if total < _LEAST_SUM_DAYS:
        return InsufficientData("no rests of 6 hours or more, together a day, with soc at both ends")
    rate = float(fall.sum()) / total
    steps = np.abs(np.diff(trace.soc[~np.isnan(trace.soc)]))
    step = min(float(np.min(np.round(steps[steps > 1e-6], 6), initial=_LARGEST_STEP)), _LARGEST_STEP)
    deviation = np.maximum(np.abs(fall - rate * days), step / sqrt(6))
    per_day = Estimate.of(rate, _Z95 * float(np.sqrt(np.sum(deviation**2))) / total)
    return StandbyLoss(per_day, _watts(trace, profile, per_day), len(days), total)


def _watts(trace: Trace, profile: Profile, per_day: Estimate) -> Estimate | None:
    soh = newest_soh(trace)
    if profile.energy_kwh is None or soh is None:
        return None
    per_percent = profile.energy_kwh * soh / 100 * 1000 / 100 / 24
    return Estimate(*(per_percent * each for each in (per_day.value, per_day.low, per_day.high)))
