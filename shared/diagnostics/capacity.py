"""The capacity of the pack, from charges."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shared.diagnostics.between import current_between
from shared.diagnostics.charging import Span
from shared.diagnostics.days import DAY_S
from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.rhythm import near
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.trace import Floats, Trace

_LEAST_RISE = 30.0
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
"""The same in usual steps of soc, if that is more [C]."""
_NEWEST = 3
"""Windows whose median is the newest value [C]: neither a single outlier nor an old window decides."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capacity over charging windows."""

    ah: float
    """The median of all windows."""
    n: int
    """Number of windows."""
    spread_ah: float
    """The largest estimate less the smallest."""
    newest_ah: float
    """The median of the last three windows, or of all where they are fewer."""
    newest_n: int
    """Number of windows of `newest_ah`."""
    newest_day: int
    """Day of the end of the last window: days since 1970, UTC."""
    nominal_share: float | None
    """`newest_ah` over the profile's capacity_ah; None where that is unknown."""


def capacity(
    trace: Trace, sessions: Sequence[Session], nominal_ah: float | None = None
) -> Capacity | Missing:
    """Compute 100 * net Ah in / dS (Ah) over windows in the charges; `sessions` are those of the trace.

    Ah: trapezoid of I over the readings that have it. A window has dS >= 30 %, readings at most 30 s apart
    (or within the rhythm, at a steady current) and no step of soc > 2 % (or 1.5 times the charge's own rise).
    A soc of 0 or 100 may be clipped and is no end of a window; steps of soc that the charge does not explain
    are subtracted. Drives are not used: on a real car they gave 12 % too little.
    Source: docs/diagnostics.md, Figures.
    """
    current = current_between(trace)
    found, ends = [], []
    for session in sessions:
        if session.kind is Kind.CHARGE and not session.inferred:
            for first, last in _windows(trace, current, session.first, session.last):
                if round(float(trace.soc[last] - trace.soc[first]), 6) < _LEAST_RISE:
                    continue
                window = _edges(trace, first, last)
                ah, rise = _charged(trace, current, *window), _risen(trace, current, *window)
                if ah > 0 and rise > 0:
                    found.append(100 * ah / rise)
                    ends.append(float(trace.ts[last]))
    if not found:
        return InsufficientData(
            f"no charge by {_LEAST_RISE:g} % of soc with readings near each other, a steady current"
            f" and no step of soc above {_LARGEST_STEP:g} %"
        )
    newest = float(np.median(found[-_NEWEST:]))
    return Capacity(
        ah=float(np.median(found)),
        n=len(found),
        spread_ah=max(found) - min(found),
        newest_ah=newest,
        newest_n=len(found[-_NEWEST:]),
        newest_day=int(ends[-1] // DAY_S),
        nominal_share=newest / nominal_ah if nominal_ah else None,
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


def _edges(trace: Trace, first: int, last: int) -> Span:
    """Return the first and the last reading right after a step of a coarse soc; of a fine one all."""
    place = first + np.flatnonzero(~np.isnan(trace.soc[first : last + 1]))
    step = np.diff(trace.soc[place])
    rises = np.flatnonzero(step > 0)
    if len(rises) < 2 or np.median(step[rises]) < _COARSE:
        return first, last
    return int(place[rises[0] + 1]), int(place[rises[-1] + 1])


def _risen(trace: Trace, current: Floats, first: int, last: int) -> float:
    """Return the rise of soc (%) without its steps that the charge between two readings does not explain."""
    place = first + np.flatnonzero(~np.isnan(trace.soc[first : last + 1] + current[first : last + 1]))
    soc, ts = trace.soc[place], trace.ts[place]
    step, rise = np.diff(soc), float(soc[-1] - soc[0])
    charge = -np.diff(ts) * (current[place][1:] + current[place][:-1])
    if rise <= 0 or charge.sum() <= 0:
        return rise
    usual = float(np.median(step[step > 0]))
    excess = step - charge * rise / charge.sum()
    sudden = np.abs(excess) > max(_RECALIBRATED, _RECALIBRATED_STEPS * usual)
    return rise - float(excess[sudden].sum())
