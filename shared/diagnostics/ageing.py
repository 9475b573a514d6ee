"""The trend of the state of health, and the dates on which it reaches 80 % and 70 %."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from shared.diagnostics.days import DAY_S, daily_medians, weekly_medians
from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.odometer import travelled
from shared.diagnostics.theil_sen import Line, drifting_line
from shared.diagnostics.trace import Floats, Trace
from shared.wording import counted

_LEAST_DAYS = 30
_LEAST_SPAN_DAYS = 180
_YEAR_DAYS = 365.25
_MILESTONES = (80.0, 70.0)
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Rate:
    """A slope of soh (%, negative = falls) with its 95 % interval; `low` is the steepest fall."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Milestone:
    """The dates on which soh reaches `soh` (%), by the ends of the slope's interval and by the median slope.

    A date is None where that slope never reaches it, or not between the years 1 and 9999. No date lies before
    the last day whose 7-day median is above `soh`.
    """

    soh: float
    passed: bool
    """True where the 7-day median of the last day is at or below `soh`; the line does not decide."""
    earliest: date | None
    likely: date | None
    latest: date | None


@dataclass(frozen=True, slots=True)
class Ageing:
    """The trend of soh."""

    soh: float
    """%, on the line on the last day."""
    per_year: Rate
    per_10000_km: Rate | Missing
    days: int
    """Days with a soh."""
    span_days: int
    milestones: tuple[Milestone, ...]


def ageing(trace: Trace) -> Ageing | Missing:
    """Compute the Theil-Sen slope of the daily medians of soh, with its confidence interval.

    Needs >= 30 days with a soh over >= 180 days, and a negative slope. Even robust fits were wrong by half a
    year on a real car, so the interval matters. Source: docs/diagnostics.md, Figures.
    """
    days, soh = daily_medians(trace.ts, trace.soh)
    span = int(days[-1] - days[0]) if len(days) else 0
    if len(days) < _LEAST_DAYS or span < _LEAST_SPAN_DAYS:
        return InsufficientData(
            f"{counted(len(days), 'day')} with a soh over {counted(span, 'day')};"
            f" needed are {_LEAST_DAYS} over {_LEAST_SPAN_DAYS} days"
        )
    line = drifting_line(days, soh)
    if line is None or line.slope >= 0:
        return InsufficientData(
            f"over these {span} days no fall of soh can be seen (its median slope is not negative)"
        )
    now = line.y_median + line.slope * (float(days[-1]) - line.x_median)
    return Ageing(
        soh=now,
        per_year=_rate(line, _YEAR_DAYS),
        per_10000_km=_by_distance(trace, days, soh),
        days=len(days),
        span_days=span,
        milestones=tuple(_milestone(line, level, days, weekly_medians(days, soh)) for level in _MILESTONES),
    )


def _rate(line: Line, unit: float) -> Rate:
    return Rate(line.slope * unit, line.low * unit, line.high * unit)


def _by_distance(trace: Trace, days: Floats, soh: Floats) -> Rate | Missing:
    """Compute the slope of soh over the distance driven by the end of each day."""
    km = travelled(trace)
    last = np.searchsorted(trace.ts, (days + 1) * DAY_S) - 1
    line = None if np.isnan(km).any() else drifting_line(km[last], soh)
    return _rate(line, 10_000.0) if line else InsufficientData("no odometer, or one that stands still")


def _milestone(line: Line, level: float, days: Floats, weekly: Floats) -> Milestone:
    above = np.flatnonzero(weekly > level)
    seen_above = float(days[above[-1]]) if len(above) else -np.inf
    steep, likely, flat = (
        _reached(line, slope, level, seen_above) for slope in (line.low, line.slope, line.high)
    )
    # All lines go through the point of the medians: a level above it lies before it, where the flattest line
    # passed first.
    earliest, latest = (flat, steep) if level > line.y_median else (steep, flat)
    return Milestone(level, bool(weekly[-1] <= level), earliest, likely, latest)


def _reached(line: Line, slope: float, level: float, seen_above: float) -> date | None:
    """Return the day on which the line with this slope through the medians reaches `level`, or None.

    On the day `seen_above`, and so before, the level had not been reached.
    """
    if slope >= 0:
        return None
    day = max(line.x_median + (level - line.y_median) / slope, seen_above)
    try:
        return _EPOCH + timedelta(days=int(np.ceil(day)))
    except OverflowError:
        return None
