"""The way driven, from an odometer that now and then shows zero, an old value or nonsense."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.gaps import GAP_S, blocks, filled
from shared.diagnostics.masks import last_true
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace

MOVED_KM = 0.2
"""A vehicle that went so far is no longer at its charger."""
_ROLLBACK_KM = -RULES[Code.ODO_ROLLBACK].levels[0].set
_FASTEST_KM_S = RULES[Code.ODO_JUMP].numbers["km_per_h"] / 3600
_STALE_S = 3600.0
"""How long an odometer may have stood still and catch up in one step [C]."""


def travelled(trace: Trace, charges: Iterable[tuple[int, int]] = ()) -> Floats:
    """Way (km) since the first reading, at each reading; never falls; NaN throughout without an odometer.

    The last valid odometer counts: missing, zero and single odd readings are passed over. A step down by
    over 1 km, or up by over 4 km within 30 s (250 km/h over longer), adds nothing and is the new start.
    A stale odometer that catches up within the hour counts, its way spread evenly over the silent time;
    no way lies within `charges` (indices of their first and last readings).
    """
    place = _believed(trace)
    if not len(place):
        return np.full(len(trace), np.nan)
    free = np.diff(trace.ts)
    for first, last in charges:
        free[first:last] = 0
    clock: Floats = np.concatenate(([0.0], np.cumsum(free))).round(6)
    level, stale = _levels(trace, place, clock)
    km = np.full(len(trace), np.nan)
    km[place[~stale]] = level[~stale]
    result = _between_known(trace.ts, clock, km)
    return np.where(np.isnan(result), 0.0, result)


def carried(trace: Trace) -> tuple[Floats, Floats]:
    """The same way (km) as it was known at each reading, and when that was (-inf: never yet, the way is 0).

    Nothing is spread: where the odometer is missing or stands still, so does the way.
    """
    place = _believed(trace)
    believed = np.zeros(len(trace), np.bool_)
    believed[place] = True
    number = np.cumsum(believed)
    level, _ = _levels(trace, place, trace.ts)
    return np.append(0.0, level)[number], np.append(-np.inf, trace.ts[place])[number]


def known_in_block(trace: Trace) -> NDArray[np.bool_]:
    """At each reading: is there an odometer at all between the gaps around it?"""
    block = blocks(trace.ts)
    known: NDArray[np.bool_] = (np.bincount(block, weights=trace.odo_km > 0) > 0)[block]
    return known


def farthest_km(seconds: Floats) -> Floats:
    """How far (km) an odometer may go on within `seconds`: the limits of the rule ODO_JUMP."""
    rule = RULES[Code.ODO_JUMP]
    return np.where(seconds <= rule.numbers["short_interval_s"], rule.levels[0].set, _FASTEST_KM_S * seconds)


def last_known(trace: Trace) -> Floats:
    """The odometer (km) with its last value above zero in place of a missing one and of 0; NaN before it."""
    last = last_true(trace.odo_km > 0)
    return np.where(last >= 0, trace.odo_km[last], np.nan) if len(last) else trace.odo_km


def believed_km(trace: Trace) -> Floats:
    """The odometer (km), NaN where it is 0 or stands out from both its neighbours."""
    km = np.full(len(trace), np.nan)
    place = _believed(trace)
    km[place] = trace.odo_km[place]
    return km


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


def _levels(trace: Trace, place: NDArray[np.intp], clock: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The way (km) at each believed reading, and which were stale; `clock` stands while it charges."""
    if not len(place):
        return np.zeros(0), np.zeros(0, np.bool_)
    ts, step = trace.ts[place], np.diff(trace.odo_km[place])
    caught_up, stale = _stale(ts, clock[place], step)
    step[((step < -_ROLLBACK_KM) | (step > farthest_km(np.diff(ts)))) & ~caught_up] = 0
    # Rounded: a dip of 0.1 km and back must not leave a rise of 1e-12.
    level: Floats = np.maximum.accumulate(np.concatenate(([0.0], np.cumsum(step)))).round(6)
    return level, stale


def _stale(ts: Floats, clock: Floats, step: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which steps catch up with a way driven unseen, and which readings were stale before them."""
    stand = np.concatenate(([0], np.cumsum(step != 0)))
    begin = np.concatenate(([True], step != 0))
    seconds = clock[1:] - clock[begin][stand[:-1]]
    caught_up = (step > farthest_km(np.diff(ts))) & (seconds <= _STALE_S) & (step <= _FASTEST_KM_S * seconds)
    ends_so = np.zeros(int(stand[-1]) + 1, np.bool_)
    ends_so[stand[:-1][caught_up]] = True
    return caught_up, ends_so[stand] & ~begin


def _between_known(ts: Floats, clock: Floats, km: Floats) -> Floats:
    """Evenly (by `clock`) between known values of one block; over a gap as `filled` does.

    Less than 0.2 km in 300 s or more is no drive, and comes at the end.
    """
    result = filled(ts, km)
    known = ~np.isnan(km)
    if known.all():
        return result
    block = blocks(ts)
    place = np.flatnonzero(known)
    nearest = np.cumsum(known) - 1
    inside = np.flatnonzero(~known & (nearest >= 0) & (nearest + 1 < len(place)))
    before, after = place[nearest[inside]], place[nearest[inside] + 1]
    rise, whole = km[after] - km[before], clock[after] - clock[before]
    spread = (whole > 0) & ((np.round(rise, 6) >= MOVED_KM) | (ts[after] - ts[before] < GAP_S))
    share = np.where(spread, (clock[inside] - clock[before]) / np.where(spread, whole, 1), 0)
    same = block[before] == block[after]
    result[inside[same]] = np.round(km[before] + share * rise, 6)[same]
    return result
