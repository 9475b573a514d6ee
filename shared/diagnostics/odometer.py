"""The way driven, from an odometer that now and then shows zero, an old value or nonsense."""

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.gaps import blocks, filled
from shared.diagnostics.trace import Floats, Trace

_ROLLBACK_KM = 1.0
_JUMP_KM, _JUMP_S = 4.0, 30.0
_FASTEST_KM_S = 250.0 / 3600
"""The limits of the rules ODO_ROLLBACK and ODO_JUMP."""
_STALE_S = 3600.0
"""How long an odometer may have stood still and catch up in one step [C]."""


def travelled(trace: Trace) -> Floats:
    """Way (km) since the first reading, at each reading; never falls; NaN throughout without an odometer.

    The last valid odometer counts: missing, zero and single odd readings are passed over. A step down by
    over 1 km, or up by over 4 km within 30 s (250 km/h over longer), adds nothing and is the new start.
    A stale odometer that catches up within the hour counts, its way spread evenly over the silent time.
    """
    km = np.full(len(trace), np.nan)
    place = _believed(trace)
    if not len(place):
        return km
    ts, odo = trace.ts[place], trace.odo_km[place]
    step = np.diff(odo)
    caught_up, stale = _stale(ts, step)
    step[((step < -_ROLLBACK_KM) | _too_fast(step, np.diff(ts))) & ~caught_up] = 0
    # Rounded: a dip of 0.1 km and back must not leave a rise of 1e-12.
    level = np.round(np.maximum.accumulate(np.concatenate(([0.0], np.cumsum(step)))), 6)
    km[place[~stale]] = level[~stale]
    result = _between_known(trace.ts, km)
    return np.where(np.isnan(result), 0.0, result)


def known_in_block(trace: Trace) -> NDArray[np.bool_]:
    """At each reading: is there an odometer at all between the gaps around it?"""
    block = blocks(trace.ts)
    known: NDArray[np.bool_] = (np.bincount(block, weights=trace.odo_km > 0) > 0)[block]
    return known


def last_km(trace: Trace) -> float | None:
    """The last valid odometer reading, km; None without one."""
    place = _believed(trace)
    return float(trace.odo_km[place[-1]]) if len(place) else None


def steps_by_whole_km(trace: Trace) -> bool:
    """True for an odometer that only knows whole km."""
    odo = trace.odo_km[trace.odo_km > 0]
    return bool(np.all(odo == np.floor(odo)))


def _believed(trace: Trace) -> NDArray[np.intp]:
    """Indices of the odometer readings above zero, without one that stands out from both its neighbours."""
    place = np.flatnonzero(trace.odo_km > 0)
    odo = trace.odo_km[place]
    if len(odo) < 3:
        return place
    before, here, after = odo[:-2], odo[1:-1], odo[2:]
    odd = (after >= before) & ((here > after) | (here < before))
    return place[np.concatenate(([True], ~odd, [True]))]


def _too_fast(step: Floats, seconds: Floats) -> NDArray[np.bool_]:
    fast: NDArray[np.bool_] = step > np.where(seconds <= _JUMP_S, _JUMP_KM, _FASTEST_KM_S * seconds)
    return fast


def _stale(ts: Floats, step: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which steps catch up with a way driven unseen, and which readings were stale before them."""
    stand = np.concatenate(([0], np.cumsum(step != 0)))
    begin = np.concatenate(([True], step != 0))
    since = ts[begin][stand[:-1]]
    seconds = ts[1:] - since
    caught_up = _too_fast(step, np.diff(ts)) & (seconds <= _STALE_S) & (step <= _FASTEST_KM_S * seconds)
    ends_so = np.zeros(int(stand[-1]) + 1, np.bool_)
    ends_so[stand[:-1][caught_up]] = True
    return caught_up, ends_so[stand] & ~begin


def _between_known(ts: Floats, km: Floats) -> Floats:
    """Evenly between known values of one block; over a gap as `filled` does."""
    result = filled(ts, km)
    known = ~np.isnan(km)
    if known.all():
        return result
    block = blocks(ts)
    place = np.flatnonzero(known)
    nearest = np.cumsum(known) - 1
    inside = ~known & (nearest >= 0) & (nearest + 1 < len(place))
    inside[inside] = block[place[nearest[inside]]] == block[place[nearest[inside] + 1]]
    result[inside] = np.round(np.interp(ts[inside], ts[known], km[known]), 6)
    return result
