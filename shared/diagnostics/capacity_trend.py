"""The capacity of each charge, its trend, and the state of health by it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.diagnostics.capacity import LEAST_RISE
from shared.diagnostics.charge_windows import Window
from shared.diagnostics.days import DAY_S
from shared.diagnostics.missing import InsufficientData, Missing, NotInProfile
from shared.diagnostics.theil_sen import Estimate, drifting_line
from shared.vehicle_profile import Profile, without
from shared.wording import counted

_LEAST_CHARGES = 10
_LEAST_SPAN_DAYS = 180
_YEAR_DAYS = 365.25
_Z95 = 1.96
_NEWEST_DAYS = 30
_NEWEST_CHARGES = 3
"""The state of health is of the last 30 days with a charge, or of the last three charges [C]."""


@dataclass(frozen=True, slots=True)
class Slope:
    """The Theil-Sen line over the charges."""

    per_year: Estimate
    """Ah a year"""
    first_ah: float
    """On the line on the first charge."""
    last_ah: float
    """On the line on the last charge."""
    charges: int
    """Number of charges, of at least 30 % of soc where these are enough."""
    span_days: int


@dataclass(frozen=True, slots=True)
class CapacityTrend:
    """The capacity by charge."""

    charges: tuple[Window, ...]
    newest: Estimate
    """Ah: the mean of the newest charges, weighted by their precision."""
    newest_n: int
    soh: Estimate | Missing
    """%: `newest` over the profile's capacity_ah."""
    reported_soh: float | None
    """%, the vehicle's own: the median of its last 7 values."""
    slope: Slope | Missing


def capacity_trend(
    windows: Sequence[Window], profile: Profile, reported_soh: float | None = None
) -> CapacityTrend | Missing:
    """Compute the newest capacity, the state of health and the trend from windows of at least 10 % of soc.

    Each window has its own error: that of soc at its ends over its rise. Where the windows differ by more
    than their errors, the interval is as much wider. The trend needs 10 charges over 180 days.
    Source: docs/diagnostics.md, Figures.
    """
    if not windows:
        return InsufficientData("no charge by 10 % of soc with readings near each other and a steady current")
    since = min(windows[-1].end - _NEWEST_DAYS * DAY_S, windows[-_NEWEST_CHARGES:][0].end)
    newest = [window for window in windows if window.end >= since]
    mean = _weighted(newest)
    return CapacityTrend(
        charges=tuple(windows),
        newest=mean,
        newest_n=len(newest),
        soh=NotInProfile(without("capacity_ah"))
        if profile.capacity_ah is None
        else Estimate(*(100 * ah / profile.capacity_ah for ah in (mean.value, mean.low, mean.high))),
        reported_soh=reported_soh,
        slope=_slope(windows),
    )


def _weighted(windows: Sequence[Window]) -> Estimate:
    ah = np.array([window.ah for window in windows])
    weight = np.array([window.deviation_ah for window in windows]) ** -2
    mean = float(ah @ weight / weight.sum())
    scatter = float(((ah - mean) ** 2) @ weight) / max(len(windows) - 1, 1)
    return Estimate.of(mean, _Z95 * math.sqrt(max(scatter, 1.0) / float(weight.sum())))


def _slope(windows: Sequence[Window]) -> Slope | Missing:
    large = [window for window in windows if window.rise >= LEAST_RISE]
    chosen = large if _suffice(large) else windows
    if not _suffice(chosen):
        return InsufficientData(
            f"{counted(len(chosen), 'charge')} over {counted(_span(chosen), 'day')};"
            f" needed are {_LEAST_CHARGES} over {_LEAST_SPAN_DAYS} days"
        )
    day = np.array([window.end / DAY_S for window in chosen])
    line = drifting_line(day, np.array([window.ah for window in chosen]))
    if line is None:
        return InsufficientData("all charges end at one moment")
    first, last = (line.y_median + line.slope * (float(at) - line.x_median) for at in (day[0], day[-1]))
    per_year = Estimate(*(_YEAR_DAYS * slope for slope in (line.slope, line.low, line.high)))
    return Slope(per_year, first, last, len(chosen), _span(chosen))


def _suffice(windows: Sequence[Window]) -> bool:
    return len(windows) >= _LEAST_CHARGES and _span(windows) >= _LEAST_SPAN_DAYS


def _span(windows: Sequence[Window]) -> int:
    return int(windows[-1].end // DAY_S - windows[0].end // DAY_S) if windows else 0
