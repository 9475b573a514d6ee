"""The distance driven, from a cleaned odometer that may be missing, stale or set anew."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.between import current_between, linked
from shared.diagnostics.gaps import blocks, filled
from shared.diagnostics.masks import last_true, runs
from shared.diagnostics.odometer_steps import FASTEST_KM_S, ROLLBACK_KM, farthest_km
from shared.diagnostics.rhythm import GAP_S, longest_silences
from shared.diagnostics.trace import Floats, Trace

MOVED_KM = 0.2
"""Distance at which a vehicle has left its charger."""
_STALE_S = 3600.0
"""Longest time without a known current in which an odometer may stand still and then catch up [C]."""
_REST_A = 2.0
"""A car with less for 300 s, or beyond the rhythm, is at rest: what its odometer catches up with was driven
before or after [C]."""


def travelled(trace: Trace, charges: Iterable[tuple[int, int]] = ()) -> Floats:
    """Return the distance (km) since the first reading, at each reading; all NaN without an odometer.

    The distance never falls. A step down by over 1 km, or up by over 4 km and over 250 km/h, adds no
    distance, and the next step counts from the new value. The step of a stale odometer that catches up is
    spread evenly over the time of driving since its last step, of which at most an hour without a known
    current. No distance lies within `charges` (indexes of their first and last readings), nor at rest.
    """
    place = np.flatnonzero(trace.odo_km > 0)
    if not len(place):
        return np.full(len(trace), np.nan)
    clock = _clock(trace, place, charges, spread=len(place) < len(trace))
    level, stale = _levels(trace, place, clock)
    km = np.full(len(trace), np.nan)
    km[place[~stale]] = level[~stale]
    result = _between_known(trace.ts, clock.free_s, km)
    return np.where(np.isnan(result), 0.0, result)


def known_distance(trace: Trace) -> tuple[Floats, Floats]:
    """Return the distance (km) as known by each reading, and since when it is known (-inf: not yet, 0 km).

    Unlike in `travelled` no step is spread: the distance stands still while the odometer does or is missing.
    """
    place = np.flatnonzero(trace.odo_km > 0)
    believed = np.zeros(len(trace), np.bool_)
    believed[place] = True
    number = np.cumsum(believed)
    level, _ = _levels(trace, place, _clock(trace, place))
    return np.append(0.0, level)[number], np.append(-np.inf, trace.ts[place])[number]


def known_in_block(trace: Trace) -> NDArray[np.bool_]:
    """Return, for each reading, whether any reading between the gaps around it has an odometer."""
    block = blocks(trace.ts)
    known: NDArray[np.bool_] = (np.bincount(block, weights=trace.odo_km > 0) > 0)[block]
    return known


def last_known(trace: Trace) -> Floats:
    """Return the odometer (km) with missing values and 0 replaced by the last value above 0; NaN before."""
    last = last_true(trace.odo_km > 0)
    return np.where(last >= 0, trace.odo_km[last], np.nan) if len(last) else trace.odo_km


def last_km(trace: Trace) -> float | None:
    """Return the last valid value of the odometer (km); None without one."""
    place = np.flatnonzero(trace.odo_km > 0)
    return float(trace.odo_km[place[-1]]) if len(place) else None


@dataclass(frozen=True, slots=True, eq=False)
class DrivingClock:
    """Seconds by each reading in which the car may have driven, and those of them without a known current.

    The current is known between near readings of it.
    """

    free_s: Floats
    unknown_s: Floats

    @classmethod
    def of(cls, trace: Trace, charges: Iterable[tuple[int, int]] = ()) -> Self:
        """Count the time outside `charges` and outside rest: 300 s, or beyond the rhythm, below 2 A."""
        free = np.diff(trace.ts)
        current = np.abs(current_between(trace))
        known = linked(trace.ts, trace.pack_current)
        begins, stops = runs(known & (np.maximum(current[1:], current[:-1]) < _REST_A))
        rests = trace.ts[stops] - trace.ts[begins] >= longest_silences(trace.ts, begins, GAP_S)
        for first, last in chain(charges, zip(begins[rests].tolist(), stops[rests].tolist(), strict=True)):
            free[first:last] = 0
        free_s, unknown_s = (
            np.concatenate(([0.0], np.cumsum(seconds))).round(6)[: len(trace)]
            for seconds in (free, np.where(known, 0.0, free))
        )
        return cls(free_s, unknown_s)


def _clock(
    trace: Trace, place: NDArray[np.intp], charges: Iterable[tuple[int, int]] = (), *, spread: bool = False
) -> DrivingClock:
    """Return the clock of a trace; without a leap of the odometer and nothing to spread any clock will do."""
    leaps = np.diff(trace.odo_km[place]) > farthest_km(np.diff(trace.ts[place]))
    return DrivingClock.of(trace, charges) if spread or leaps.any() else DrivingClock(trace.ts, trace.ts)


def _levels(trace: Trace, place: NDArray[np.intp], clock: DrivingClock) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the distance (km) at each of these readings, and which are stale."""
    if not len(place):
        return np.zeros(0), np.zeros(0, np.bool_)
    ts, step = trace.ts[place], np.diff(trace.odo_km[place])
    caught_up, stale = _stale(ts, clock.free_s[place], clock.unknown_s[place], step)
    step[((step < -ROLLBACK_KM) | (step > farthest_km(np.diff(ts)))) & ~caught_up] = 0
    # Rounded, so that a dip of 0.1 km and back does not leave a rise of 1e-12.
    level: Floats = np.maximum.accumulate(np.concatenate(([0.0], np.cumsum(step)))).round(6)
    return level, stale


def _stale(
    ts: Floats, free_s: Floats, unknown_s: Floats, step: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which steps catch up after a standstill of the odometer, and which readings before are stale."""
    stand = np.concatenate(([0], np.cumsum(step != 0)))
    begin = np.concatenate(([True], step != 0))
    seconds, unseen = (clock[1:] - clock[begin][stand[:-1]] for clock in (free_s, unknown_s))
    possible = (unseen <= _STALE_S) & (step <= FASTEST_KM_S * seconds)
    caught_up = (step > farthest_km(np.diff(ts))) & possible
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
