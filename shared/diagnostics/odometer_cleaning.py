"""The odometer without zeros, odd values and values that it took back."""

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.masks import Indices
from shared.diagnostics.odometer_steps import ROLLBACK_KM, farthest_km, resolution_km
from shared.diagnostics.trace import Floats

_RETURN_SHARE = 0.5
"""The step that takes a value back is at least so large a share of the step to the value [C]."""
_MOST_TRIES = 1_000_000
"""Bound on the work of one odometer that falls at every reading; its later falls are taken as lasting."""
_TRIES_EACH = 1_000


def cleaned_odometer(ts: Floats, odo_km: Floats) -> Floats:
    """Return the odometer (km) with NaN for 0, for single odd values and for values that were taken back.

    A value is odd that differs from both neighbours although those agree. Values are taken back where the
    odometer steps by over 1 km, up or down, and later by a step of at least half that size to a value that
    the car can have reached from the one before. If it moved in between, its values are shifted by the
    first step, so that the distance between them is kept. A fall that is not taken back stays.
    """
    if not (odo_km > 0).any():
        return odo_km
    place = _believed(odo_km)
    odo = odo_km[place]
    falls = np.flatnonzero(np.diff(odo) < -ROLLBACK_KM)
    if len(falls):
        odo = _Excursions(ts[place], odo).removed(falls)
    elif len(place) == np.count_nonzero(~np.isnan(odo_km)):
        return odo_km
    kept = np.full(len(odo_km), np.nan)
    kept[place] = odo
    return kept


def _believed(odo_km: Floats) -> NDArray[np.intp]:
    """Return the indexes of odometer values above 0, without single ones that differ from both neighbours."""
    place = np.flatnonzero(odo_km > 0)
    odo = odo_km[place]
    if len(odo) < 3:
        return place
    before, here, after = odo[:-2], odo[1:-1], odo[2:]
    odd = np.concatenate(([False], (after >= before) & ((here > after) | (here < before)), [False]))
    # Of two values by turns each one differs from both its neighbours: neither is single.
    odd[1:-1] &= ~(odd[:-2] | odd[2:])
    return place[~odd]


class _Excursions:
    """Search for values that an odometer took back, from fall to fall."""

    def __init__(self, ts: Floats, odo: Floats) -> None:
        self._ts, self._given, self._odo = ts, odo, odo.copy()
        self._resolution = resolution_km(odo)
        self._rises = np.flatnonzero(np.diff(odo) > ROLLBACK_KM).tolist()
        self._tries = 0
        self._highest_after = np.maximum.accumulate(odo[::-1])[::-1]
        self._too_high: list[float] = []

    def removed(self, falls: Indices) -> Floats:
        """Return the values with those taken back as NaN, or shifted."""
        last = -1
        for fall in falls.tolist():
            if fall < last:
                continue
            rise, back = self._rise_before(fall, last), self._return_after(fall)
            # Of the values before and after the fall the fewer are wrong.
            if rise is not None and (back is None or fall - rise < back - fall):
                self._too_high.append(float(self._given[rise + 1 : fall + 1].max()))
                self._remove(rise, fall + 1)
                last = fall + 1
            elif back is not None:
                self._remove(fall, back)
                last = back
        self._remove_last()
        return self._odo

    def _rise_before(self, fall: int, last: int) -> int | None:
        """Return the reading before the rise that this fall takes back; None where it takes back no rise."""
        below = self._given[fall + 1]
        size = self._given[fall] - below
        number = bisect_left(self._rises, fall)
        for earlier in range(number - 1, max(0, number - _TRIES_EACH) - 1, -1):
            rise = self._rises[earlier]
            self._tries += 1
            if rise < last or self._tries > _MOST_TRIES:
                return None
            if self._given[rise] <= below + ROLLBACK_KM:
                step = self._given[rise + 1] - self._given[rise]
                return rise if step >= _RETURN_SHARE * size and self._reachable(rise, fall + 1) else None
        return None

    def _return_after(self, fall: int) -> int | None:
        """Return the reading at which the odometer is back at its value before this fall; None if never."""
        level = self._given[fall]
        size = level - self._given[fall + 1]
        if self._highest_after[fall + 1] < level - ROLLBACK_KM:
            return None
        number = bisect_left(self._rises, fall)
        for later in range(number, min(len(self._rises), number + _TRIES_EACH)):
            rise = self._rises[later]
            self._tries += 1
            if self._tries > _MOST_TRIES:
                return None
            if self._given[rise + 1] >= level - ROLLBACK_KM:
                step = self._given[rise + 1] - self._given[rise]
                back = rise + 1
                return back if step >= _RETURN_SHARE * size and self._reachable(fall, back) else None
        return None

    def _reachable(self, before: int, after: int) -> bool:
        km = self._given[after] - self._given[before]
        return bool(km <= ROLLBACK_KM or km <= farthest_km(self._ts[after] - self._ts[before]))

    def _remove(self, before: int, after: int) -> None:
        """Remove the values between two readings, or shift them where the odometer moved among them."""
        inside = self._odo[before + 1 : after]
        low, level, end = self._given[before + 1], self._odo[before], self._given[after]
        if np.isnan(level) or inside[-1] - low < self._resolution or (np.diff(inside) < 0).any():
            inside[:] = np.nan
        else:
            inside += level - low
            inside[inside > max(level, end)] = np.nan

    def _remove_last(self) -> None:
        """Remove the last values where they step up to one that was taken back before."""
        if not self._too_high or not len(self._rises):
            return
        last = self._rises[-1]
        inside = self._given[last + 1 :]
        near = max(ROLLBACK_KM, self._resolution)
        alike = np.abs(np.array(self._too_high) - inside[0]) <= near
        if np.all(inside == inside[0]) and alike.any():
            self._odo[last + 1 :] = np.nan
