"""Values of a signal at the moments of other signals' readings: many sources send each signal on its own.

A signal is known between two of its own readings that are near each other for its rhythm; nothing is stored.
"""

import numpy as np

from shared.diagnostics.masks import Indices, Mask
from shared.diagnostics.rhythm import PAIR_S, near
from shared.diagnostics.trace import Floats, Trace


def voltage_between(trace: Trace) -> Floats:
    """Return the voltage (V), interpolated where the readings around are near for its rhythm."""
    return interpolated(trace.ts, trace.pack_voltage)


def current_between(trace: Trace) -> Floats:
    """Return the current (A), interpolated where the readings around are near for its rhythm."""
    return interpolated(trace.ts, trace.pack_current)


def power_between(trace: Trace) -> Floats:
    """Return the power (kW, positive = out); voltage and current may be of neighbouring readings."""
    return voltage_between(trace) * current_between(trace) / 1000


def interpolated(ts: Floats, signal: Floats, floor_s: float = PAIR_S) -> Floats:
    """Return `signal` with NaN interpolated between known values that are near: `floor_s`, or the rhythm."""
    place, before, after = _bridges(ts, signal, floor_s)
    if not len(place):
        return signal
    share = (ts[place] - ts[before]) / (ts[after] - ts[before])
    result = signal.copy()
    result[place] = signal[before] + share * (signal[after] - signal[before])
    return result


def bounds(ts: Floats, signal: Floats, floor_s: float = PAIR_S) -> tuple[Floats, Floats]:
    """Return the lower and the higher of a signal's two neighbours, for readings that lack the signal.

    For readings that have it both are the value, and NaN for those without near neighbours.
    A rule that holds for the less alarming neighbour holds for both; one outlier can't meet it twice.
    """
    place, before, after = _bridges(ts, signal, floor_s)
    if not len(place):
        return signal, signal
    lower, higher = signal.copy(), signal.copy()
    lower[place] = np.minimum(signal[before], signal[after])
    higher[place] = np.maximum(signal[before], signal[after])
    return lower, higher


def linked(ts: Floats, signal: Floats) -> Mask:
    """Return which pairs of neighbouring readings lie between two near readings of the signal."""
    known = ~np.isnan(signal)
    if known.all():
        return near(ts)
    place = np.flatnonzero(known)
    result = np.zeros(max(len(ts) - 1, 0), np.bool_)
    if len(place) < 2:
        return result
    begun = np.cumsum(known)[:-1] - 1
    inside = (begun >= 0) & (begun < len(place) - 1)
    result[inside] = near(ts[place])[begun[inside]]
    return result


def _bridges(ts: Floats, signal: Floats, floor_s: float) -> tuple[Indices, Indices, Indices]:
    """Return the readings that lack the signal between near neighbours, and the neighbours' indices."""
    lost = np.isnan(signal)
    known = np.flatnonzero(~lost)
    if not lost.any() or len(known) < 2:
        nowhere = np.empty(0, np.intp)
        return nowhere, nowhere, nowhere
    place = known[0] + np.flatnonzero(lost[known[0] : known[-1]])
    following = np.searchsorted(known, place)
    usable = near(ts[known], floor_s)[following - 1]
    return place[usable], known[following - 1][usable], known[following][usable]
