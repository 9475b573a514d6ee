"""The trend of the resistance: its growth over the days, apart from the temperature's part in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from shared.diagnostics.masks import Mask
from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.resistance import Resistance, ResistanceOfDay
from shared.diagnostics.theil_sen import Estimate, Line, drifting_line
from shared.diagnostics.trace import Floats
from shared.wording import counted

_LEAST_DAYS = 10
_LEAST_SPAN_DAYS = 180
_YEAR_DAYS = 365.25
_Z95 = 1.96
_GAS_CONSTANT = 8.314
_ZERO_C = 273.15
_REFERENCE_K = 298.15
_USUAL_J, _USUAL_DEVIATION_J = 30_000.0, 10_000.0
"""J/mol; activation energies of packs are 15 to 45 kJ/mol, one log of a Leaf shows 23 [M]."""
_TEMPERATURE_SHARE = 0.02
"""Least share by which a fitted activation energy may be off: cells are not equally warm [C]."""
_BLOCK_DAYS = 10
"""Days with a resistance in which ageing is a straight line, and the weather the rest [C]."""
_SENSOR_C = 0.3
"""Deviation of a sensor of whole degrees: in little weather the activation energy comes out too low."""
_LIKE_C = 10.0
"""Largest distance from the median temperature: further away the law of Arrhenius is not certain [C]."""
_LIKE_PULSE = 1.3
"""Ratio of pulses of like length: at 5 and 10 s the resistance of a real Leaf differs by 3 % [M]."""
_OUTLIER = 4.0
"""Deviations beyond so many usual ones are left out of the activation energy [C]."""


@dataclass(frozen=True, slots=True)
class TrendDay:
    """The resistance of one day."""

    day: int
    """Days since 1970, UTC."""
    ohm: float
    ohm_at_25: float
    """By the activation energy of the trend."""
    temp: float
    """°C, of the cells."""
    n: int
    """Number of pairs of readings."""


@dataclass(frozen=True, slots=True)
class ResistanceTrend:
    """The growth of the resistance at 25 °C on a straight line, from the first day to the last."""

    growth: Estimate
    """%, over all of the span."""
    per_year: Estimate
    """% of the resistance at the beginning, a year."""
    activation_j: Estimate
    """J/mol"""
    fitted: bool
    """True where the weather of these days shows the activation energy more exactly than the usual one is."""
    first_ohm_at_25: float
    """On the line on the first day."""
    last_ohm_at_25: float
    """On the line on the last day."""
    span_days: int
    alike: int
    """Number of days of like temperature, which the line is fitted to."""
    days: tuple[TrendDay, ...]


def resistance_trend(found: Resistance | Missing) -> ResistanceTrend | Missing:
    """Fit a Theil-Sen line to ln R of the days, normalised to 25 °C; its 95 % interval holds both the scatter
    of the days and the uncertainty of the activation energy.

    ln R = a + g * day + Ea / 8.314 * (1/T - 1/298.15). Ea is fitted to the weather within ten days each,
    where ageing is slow, together with the usual 30 +- 10 kJ/mol. Needs 10 days over 180 days.
    Source: docs/diagnostics.md, Figures.
    """
    if isinstance(found, Missing):
        return found
    chosen = _of_one_pulse([day for day in found.days if day.temp is not None and day.ohm > 0])
    span = chosen[-1].day - chosen[0].day if chosen else 0
    if len(chosen) < _LEAST_DAYS or span < _LEAST_SPAN_DAYS:
        return InsufficientData(
            f"{counted(len(chosen), 'day')} with a resistance at 25 °C by pulses of one length; needed are"
            f" {_LEAST_DAYS} over {_LEAST_SPAN_DAYS} days"
        )
    day, ohm, temp = (np.array(values, float) for values in zip(*map(_columns, chosen), strict=True))
    cold = (1 / (temp + _ZERO_C) - 1 / _REFERENCE_K) / _GAS_CONSTANT
    activation = _activation(day, np.log(ohm), cold, temp)
    alike = _alike(day, temp)
    line = drifting_line(day[alike], (np.log(ohm) - activation.joule * cold)[alike])
    season = drifting_line(day[alike], cold[alike])
    if line is None or season is None:
        return InsufficientData("all days with a resistance are one day")
    return _trend(chosen, line, season, activation, int(alike.sum()))


def _of_one_pulse(days: Sequence[ResistanceOfDay]) -> Sequence[ResistanceOfDay]:
    """Return the days whose pulses are about as long as on most days.

    Longer pulses include more of the polarisation: a source that is read less often than before would show a
    growth.
    """
    if not days:
        return days
    usual = float(np.median([day.pulse_s for day in days]))
    return [day for day in days if usual / _LIKE_PULSE <= day.pulse_s <= usual * _LIKE_PULSE]


def _columns(day: ResistanceOfDay) -> tuple[float, float, float]:
    return day.day, day.ohm, day.temp if day.temp is not None else math.nan


class _Activation(NamedTuple):
    joule: float
    """Per mol."""
    deviation: float
    fitted: bool


def _trend(
    days: Sequence[ResistanceOfDay], line: Line, season: Line, activation: _Activation, alike: int
) -> ResistanceTrend:
    """Make the trend; `season` is the line of 1/T, by which a wrong activation energy becomes a growth."""
    first, span = days[0].day, days[-1].day - days[0].day
    reach = _Z95 * abs(season.slope) * activation.deviation
    slopes = (
        line.slope,
        line.slope - math.hypot(line.slope - line.low, reach),
        line.slope + math.hypot(line.high - line.slope, reach),
    )
    value, low, high = (100 * math.expm1(slope * span) for slope in slopes)
    per_year = _YEAR_DAYS / span
    begin = math.exp(line.y_median + line.slope * (first - line.x_median))
    return ResistanceTrend(
        growth=Estimate(value, low, high),
        per_year=Estimate(value * per_year, low * per_year, high * per_year),
        activation_j=Estimate.of(activation.joule, _Z95 * activation.deviation),
        fitted=activation.fitted,
        first_ohm_at_25=begin,
        last_ohm_at_25=begin * (1 + value / 100),
        span_days=span,
        alike=alike,
        days=tuple(
            TrendDay(
                day.day, day.ohm, day.ohm * math.exp(-activation.joule * _cold(day.temp)), day.temp, day.n
            )
            for day in days
            if day.temp is not None
        ),
    )


def _cold(temp: float) -> float:
    return (1 / (temp + _ZERO_C) - 1 / _REFERENCE_K) / _GAS_CONSTANT


def _activation(day: Floats, log_ohm: Floats, cold: Floats, temp: Floats) -> _Activation:
    """Return the activation energy, its deviation, and whether the days show it.

    Within each block of ten days a straight line is taken out of ln R, of the temperature, and of its
    reciprocal: what is left is weather, which no ageing resembles.
    """
    blocks = np.array_split(np.arange(len(day)), max(len(day) // _BLOCK_DAYS, 1))
    parts = [
        [_straightened(day[block], values[block]) for block in blocks] for values in (log_ohm, cold, temp)
    ]
    y, x, weather = (np.concatenate(part) for part in parts)
    free = len(day) - 2 * len(blocks)
    square = float(weather @ weather) / max(free, 1)
    if free < _LEAST_DAYS // 2 or square <= 0:
        return _Activation(_USUAL_J, _USUAL_DEVIATION_J, fitted=False)
    rest = y - x * (x @ y) / (x @ x)
    near = np.abs(rest) <= _OUTLIER * 1.48 * np.median(np.abs(rest)) + 1e-12
    y, x, free = y[near], x[near], max(free - int(np.sum(~near)), 1)
    energy = float(x @ y / (x @ x))
    share = max(_TEMPERATURE_SHARE, _SENSOR_C**2 / square)
    variance = float(np.sum((y - energy * x) ** 2) / free / (x @ x))
    variance += (share * max(energy, _USUAL_J)) ** 2
    weight, usual = 1 / variance, 1 / _USUAL_DEVIATION_J**2
    mean = (weight * energy + usual * _USUAL_J) / (weight + usual)
    return _Activation(mean, math.sqrt(1 / (weight + usual)), fitted=weight > usual)


def _straightened(day: Floats, values: Floats) -> Floats:
    """Return the values less their least-squares line over the days."""
    x = day - day.mean()
    y = values - values.mean()
    total = float(x @ x)
    result: Floats = y - x * (float(x @ y) / total if total > 0 else 0.0)
    return result


def _alike(day: Floats, temp: Floats) -> Mask:
    """Return the days of like temperature, where they are enough for a line; else all."""
    alike: Mask = np.abs(temp - np.median(temp)) <= _LIKE_C
    if alike.sum() < _LEAST_DAYS or np.ptp(day[alike]) < _LEAST_SPAN_DAYS:
        return np.ones(len(day), np.bool_)
    return alike
