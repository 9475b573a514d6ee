"""Values of a signal at the moments of other signals' readings: many sources send each signal on its own.

A signal is known between two of its own readings that are near each other for its rhythm; nothing is stored.
"""

import numpy as np

from shared.diagnostics.masks import Indices
from shared.diagnostics.trace import Floats, Trace

LONGEST_PAIR_S = 60.0
"""Twice the longest period that GB/T 32960 allows. Power changes faster: longer pairs are not integrated."""
_RHYTHM_SHARE = 2.5
"""A silence up to so many times the median interval of a signal is within its rhythm [C]."""
_LEAST_READINGS = 5
_LONGEST_SLOW_S = 900.0
"""Also for a slow signal [C]: a temperature in `latest` takes part as long."""


def voltage_between(trace: Trace) -> Floats:
    """Return the voltage (V), interpolated where the readings around are near for its rhythm."""
    return interpolated(trace.ts, trace.pack_voltage, longest_bridge_s(trace.ts, trace.pack_voltage))


def current_between(trace: Trace) -> Floats:
    """Return the current (A), interpolated between readings at most LONGEST_PAIR_S apart."""
    return interpolated(trace.ts, trace.pack_current, LONGEST_PAIR_S)


def power_between(trace: Trace) -> Floats:
    """Return the power (kW, positive = out); voltage and current may be of neighbouring readings."""
    return voltage_between(trace) * current_between(trace) / 1000


def longest_bridge_s(ts: Floats, signal: Floats) -> float:
    """Return the longest distance of neighbours between which a slow signal is known: 60 to 900 s.

    It is 2.5 times the median interval of the signal's readings, of at least five. For voltages and
    temperatures; a current changes faster, and is known between neighbours at most LONGEST_PAIR_S apart.
    """
    known = ts[~np.isnan(signal)]
    if len(known) < _LEAST_READINGS:
        return LONGEST_PAIR_S
    rhythm = _RHYTHM_SHARE * float(np.median(np.diff(known)))
    return min(max(rhythm, LONGEST_PAIR_S), _LONGEST_SLOW_S)


def interpolated(ts: Floats, signal: Floats, longest_s: float) -> Floats:
    """Return `signal` with NaN interpolated between known values that are at most `longest_s` apart."""
    place, before, after = _bridges(ts, signal, longest_s)
    if not len(place):
        return signal
    share = (ts[place] - ts[before]) / (ts[after] - ts[before])
    result = signal.copy()
    result[place] = signal[before] + share * (signal[after] - signal[before])
    return result


def bounds(ts: Floats, signal: Floats, longest_s: float) -> tuple[Floats, Floats]:
    """Return the lower and the higher of a signal's two neighbours, for readings that lack the signal.

    For readings that have it both are the value, and NaN for those with neighbours over `longest_s` apart.
    A rule that holds for the less alarming neighbour holds for both; one outlier can't meet it twice.
    """
    place, before, after = _bridges(ts, signal, longest_s)
    if not len(place):
        return signal, signal
    lower, higher = signal.copy(), signal.copy()
    lower[place] = np.minimum(signal[before], signal[after])
    higher[place] = np.maximum(signal[before], signal[after])
    return lower, higher


def _bridges(ts: Floats, signal: Floats, longest_s: float) -> tuple[Indices, Indices, Indices]:
    """Return the readings that lack the signal between near neighbours, and the neighbours' indices."""
    lost = np.isnan(signal)
    known = np.flatnonzero(~lost)
    if not lost.any() or len(known) < 2:
        nowhere = np.empty(0, np.intp)
        return nowhere, nowhere, nowhere
    place = known[0] + np.flatnonzero(lost[known[0] : known[-1]])
    following = np.searchsorted(known, place)
    before, after = known[following - 1], known[following]
    near = ts[after] - ts[before] <= longest_s
    return place[near], before[near], after[near]
