"""Windows of charges that show the capacity: the charge that flowed in, and the rise of soc."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from shared.diagnostics.between import current_between
from shared.diagnostics.charging import Span
from shared.diagnostics.rhythm import near
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.trace import Floats, Trace

LEAST_RISE = 10.0
"""% of soc"""
_LONGEST_S = 30.0
"""Floor for the distance of two readings of one window; a slower source is followed in its rhythm."""
_LARGEST_STEP = 2.0
"""% of soc"""
_STEEP = 1.5
"""A step of soc may be so many times the charge's own rise in its time: a slow source has large steps [C]."""
_STEADY_SHARE = 0.2
"""Largest change of the current over a pair beyond the floor: then its straight line is the charge [C]."""
_FULL = 100.0
_COARSE = 0.5
"""% of soc: of such steps the readings right after a step are exact, and the others up to a step too low."""
_RECALIBRATED = 0.5
"""% of soc; a step by so much more than the charge explains is no charge [C]."""
_RECALIBRATED_STEPS = 1.5
"""The same in units of soc, if that is more [C]."""
_SOC_DEVIATION = 0.5
"""% of soc by which the estimate of a battery management system is off at an end of a window [C]."""
_Z95 = 1.96
_EVEN = 1 / sqrt(12)
"""Deviation of an error that lies anywhere within 1."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a charge: the estimate of the capacity, 100 * Ah / rise, and its deviation."""

    start: float
    """Seconds since 1970, as `end`."""
    end: float
    soc_from: float
    """%"""
    soc_to: float
    """%"""
    charged_ah: float
    ah: float
    """The capacity, Ah."""
    deviation_ah: float
    """By the soc at both ends: its resolution, its step in a reading's interval, and 0.5 % of its own."""
    temp: float | None
    """Mean of the hottest cell, °C; None without a temperature."""

    @property
    def ah_low(self) -> float:
        """Return the lower end of the 95 % interval of `ah`."""
        return max(0.0, self.ah - _Z95 * self.deviation_ah)

    @property
    def ah_high(self) -> float:
        """Return the upper end of the interval."""
        return self.ah + _Z95 * self.deviation_ah

    @property
    def rise(self) -> float:
        """Return the rise of soc, %."""
        return round(self.soc_to - self.soc_from, 6)


def charge_windows(trace: Trace, sessions: Sequence[Session]) -> list[Window]:
    """Find windows of dS >= 10 % in the charges, with 100 * net Ah in / dS (Ah); `sessions` are those of the
    trace.

    Ah: trapezoid of I over the readings that have it. A window has readings at most 30 s apart (or within
    the rhythm, at a steady current) and no step of soc > 2 % (or 1.5 times the charge's own rise).
    A soc of 0 or 100 may be clipped and is no end of a window; steps of soc that the charge does not explain
    are subtracted. Drives are not used: on a real car they gave 12 % too little.
    Source: docs/diagnostics.md, Figures.
    """
    current = current_between(trace)
    return [
        window
        for session in sessions
        if session.kind is Kind.CHARGE and not session.inferred
        for first, last in _windows(trace, current, session.first, session.last)
        if (window := _window(trace, current, first, last)) is not None
    ]


def _window(trace: Trace, current: Floats, first: int, last: int) -> Window | None:
    soc_from, soc_to = float(trace.soc[first]), float(trace.soc[last])
    if round(soc_to - soc_from, 6) < LEAST_RISE:
        return None
    begin, end, step = _edges(trace, first, last)
    charged, rise = _charged(trace, current, begin, end), _risen(trace, current, begin, end)
    if charged <= 0 or rise <= 0:
        return None
    ah = 100 * charged / rise
    temp = trace.max_temp[first : last + 1]
    temp = temp[~np.isnan(temp)]
    return Window(
        start=float(trace.ts[first]),
        end=float(trace.ts[last]),
        soc_from=soc_from,
        soc_to=soc_to,
        charged_ah=charged,
        ah=ah,
        deviation_ah=ah / rise * sqrt(2) * hypot(step * _EVEN, _SOC_DEVIATION),
        temp=float(np.mean(temp)) if len(temp) else None,
    )


def _charged(trace: Trace, current: Floats, first: int, last: int) -> float:
    """Return the charged Ah; readings without a current are skipped: in a window the others are near."""
    stretch = slice(first, last + 1)
    current = current[stretch]
    known = ~np.isnan(current)
    return float(-np.trapezoid(current[known], trace.ts[stretch][known]) / 3600)


def _windows(trace: Trace, current: Floats, begin: int, end: int) -> Iterator[Span]:
    """Yield the parts of a charge between its breaks, each from a reading with soc to another one."""
    stretch = slice(begin, end + 1)
    soc = trace.soc[stretch]
    place = begin + np.flatnonzero(~np.isnan(current[stretch]) & (soc > 0) & (soc < _FULL))
    if len(place) < 2:
        return
    ts, soc, amps = trace.ts[place], trace.soc[place], current[place]
    seconds = np.diff(ts)
    slow = seconds > _LONGEST_S
    unsteady = np.abs(np.diff(amps)) > _STEADY_SHARE * np.maximum(np.abs(amps[1:]), np.abs(amps[:-1]))
    wide = ~near(ts, _LONGEST_S) | (slow & unsteady)
    rise = np.where(slow, _STEEP * (soc[-1] - soc[0]) / (ts[-1] - ts[0]) * seconds, 0.0)
    jumps = np.round(np.abs(np.diff(soc)), 6) > np.maximum(_LARGEST_STEP, rise)
    ends = np.flatnonzero(np.append(wide | jumps, True))
    for first, last in zip(np.append(0, ends[:-1] + 1), ends, strict=True):
        yield int(place[first]), int(place[last])


def _edges(trace: Trace, first: int, last: int) -> tuple[int, int, float]:
    """Return the first and the last reading right after a step of a coarse soc, of a fine one all; and how
    far (%) the soc of such a reading may lie from the true one.
    """
    place = first + np.flatnonzero(~np.isnan(trace.soc[first : last + 1]))
    step = np.diff(trace.soc[place])
    rises = np.flatnonzero(step > 0)
    usual = float(np.median(step[rises])) if len(rises) else 0.0
    if len(rises) < 2 or usual < _COARSE:
        return first, last, usual
    # Right after a step soc is as far off as it rises within the interval of the readings.
    interval = float(np.median(np.diff(trace.ts[place])))
    seconds = float(trace.ts[place[-1]] - trace.ts[place[0]])
    off = min(usual, float(trace.soc[place[-1]] - trace.soc[place[0]]) / seconds * interval)
    return int(place[rises[0] + 1]), int(place[rises[-1] + 1]), off


def _risen(trace: Trace, current: Floats, first: int, last: int) -> float:
    """Return the rise of soc (%) without its steps that the charge between two readings does not explain."""
    place = first + np.flatnonzero(~np.isnan(trace.soc[first : last + 1] + current[first : last + 1]))
    soc, ts = trace.soc[place], trace.ts[place]
    step, rise = np.diff(soc), float(soc[-1] - soc[0])
    charge = -np.diff(ts) * (current[place][1:] + current[place][:-1])
    if rise <= 0 or charge.sum() <= 0:
        return rise
    usual = _resolution(step)
    excess = step - charge * rise / charge.sum()
    sudden = np.abs(excess) > max(_RECALIBRATED, _RECALIBRATED_STEPS * usual)
    return rise - float(excess[sudden].sum())


def _resolution(step: Floats) -> float:
    """Return the unit (%) of soc: the smallest difference between two of its steps, or of a step from 0."""
    different = np.unique(np.append(np.round(np.abs(step), 6), 0.0))
    return float(np.min(np.diff(different), initial=_LARGEST_STEP))
