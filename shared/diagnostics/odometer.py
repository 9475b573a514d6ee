"""The distance driven, from an odometer that may show zero, stale or wrong values."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.gaps import blocks, filled
from shared.diagnostics.masks import last_true
from shared.diagnostics.rhythm import GAP_S
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace

MOVED_KM = 0.2
"""Distance at which a vehicle has left its charger."""
_ROLLBACK_KM = -RULES[Code.ODO_ROLLBACK].levels[0].set
_FASTEST_KM_S = RULES[Code.ODO_JUMP].numbers["km_per_h"] / 3600
_STALE_S = 3600.0
"""Longest time that an odometer may stand still and then catch up in one step [C]."""


def travelled(trace: Trace, charges: Iterable[tuple[int, int]] = ()) -> Floats:
    """Return the distance (km) since the first reading, at each reading; all NaN without an odometer.

    The distance never falls. Missing, zero and single odd values of the odometer are skipped. A step down by
    over 1 km, or up by over 4 km within 30 s (250 km/h over longer times), adds no distance, and the next
    step counts from the new value. The step of a stale odometer that catches up within an hour is spread
    evenly over that time. No distance lies within `charges` (indexes of their first and last readings).
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


def known_distance(trace: Trace) -> tuple[Floats, Floats]:
    """Return the distance (km) as known by each reading, and since when it is known (-inf: not yet, 0 km).

    Unlike in `travelled` no step is spread: the distance stands still while the odometer does or is missing.
    """
    place = _believed(trace)
    believed = np.zeros(len(trace), np.bool_)
    believed[place] = True
    number = np.cumsum(believed)
    level, _ = _levels(trace, place, trace.ts)
    return np.append(0.0, level)[number], np.append(-np.inf, trace.ts[place])[number]


def known_in_block(trace: Trace) -> NDArray[np.bool_]:
    """Return, for each reading, whether any reading between the gaps around it has an odometer."""
    block = blocks(trace.ts)
    known: NDArray[np.bool_] = (np.bincount(block, weights=trace.odo_km > 0) > 0)[block]
    return known


def farthest_km(seconds: Floats) -> Floats:
    """Return the largest valid step (km) of an odometer within `seconds`, by the rule ODO_JUMP."""
    rule = RULES[Code.ODO_JUMP]
    return np.where(seconds <= rule.numbers["short_interval_s"], rule.levels[0].set, _FASTEST_KM_S * seconds)


def last_known(trace: Trace) -> Floats:
    """Return the odometer (km) with missing values and 0 replaced by the last value above 0; NaN before."""
    last = last_true(trace.odo_km > 0)
    return np.where(last >= 0, trace.odo_km[last], np.nan) if len(last) else trace.odo_km


def believed_km(trace: Trace) -> Floats:
    """Return the odometer (km) with NaN for 0 and for single values that differ from both neighbours."""
    km = np.full(len(trace), np.nan)
    place = _believed(trace)
    km[place] = trace.odo_km[place]
    return km


def last_km(trace: Trace) -> float | None:
    """Return the last valid value of the odometer (km); None without one."""
    place = _believed(trace)
    return float(trace.odo_km[place[-1]]) if len(place) else None


def steps_by_whole_km(trace: Trace) -> bool:
    """Return whether all values of the odometer are whole km."""
    odo = trace.odo_km[trace.odo_km > 0]
    return bool(np.all(odo == np.floor(odo)))


def _believed(trace: Trace) -> NDArray[np.intp]:
    """Return the indexes of odometer values above 0, without single ones that differ from both neighbours."""
    place = np.flatnonzero(trace.odo_km > 0)
    odo = trace.odo_km[place]
    if len(odo) < 3:
        return place
    before, here, after = odo[:-2], odo[1:-1], odo[2:]
    odd = (after >= before) & ((here > after) | (here < before))
    return place[np.concatenate(([True], ~odd, [True]))]


def _levels(trace: Trace, place: NDArray[np.intp], clock: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the distance (km) at each believed reading, and which are stale; `clock` stops in charges."""
    if not len(place):
        return np.zeros(0), np.zeros(0, np.bool_)
    ts, step = trace.ts[place], np.diff(trace.odo_km[place])
    caught_up, stale = _stale(ts, clock[place], step)
    step[((step < -_ROLLBACK_KM) | (step > farthest_km(np.diff(ts)))) & ~caught_up] = 0
    # Rounded, so that a dip of 0.1 km and back does not leave a rise of 1e-12.
    level: Floats = np.maximum.accumulate(np.concatenate(([0.0], np.cumsum(step)))).round(6)
    return level, stale


def _stale(ts: Floats, clock: Floats, step: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which steps catch up after a standstill of the odometer, and which readings before are stale."""
    stand = np.concatenate(([0], np.cumsum(step != 0)))
    begin = np.concatenate(([True], step != 0))
    seconds = clock[1:] - clock[begin][stand[:-1]]
    caught_up = (step > farthest_km(np.diff(ts))) & (seconds <= _STALE_S) & (step <= _FASTEST_KM_S * seconds)
    ends_so = np.zeros(int(stand[-1]) + 1, np.bool_)
    ends_so[stand[:-1][caught_up]] = True
    return caught_up, ends_so[stand] & ~begin


def _between_known(ts: Floats, clock: Floats, km: Floats) -> Floats:
    """Interpolate evenly (by `clock`) between known values of one block; over a gap fill as `filled` does.

    Less than 0.2 km in 300 s or more is no drive, and is added at the end.
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
