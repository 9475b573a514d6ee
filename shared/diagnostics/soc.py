"""The state of charge without glitches."""

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.masks import Indices, Mask, last_true, runs
from shared.diagnostics.rhythm import near
from shared.diagnostics.trace import Floats, Trace

_JUMP = 5.0
"""%; more than any charger or drive changes within _NEAR_S."""
_NEAR_S = 60.0
_FASTEST_PER_S = _JUMP / _NEAR_S
"""% of soc in a second, 3 C: a larger step is impossible, however far apart its two readings are [C]."""
GLITCH_READINGS = 5
"""Longest glitch in readings, where it lasts for more than _NEAR_S [C]."""
_EMPTY = 20.0
"""%; from below a battery may really fall to 0 within seconds, where its weakest cell is empty [C]."""
_LARGEST_BAND = 2.0
"""%; a coarser soc moves by each of its steps."""
_FLOWS_A = 2.0
_MOVED_KM = 1.0


def without_glitches(trace: Trace) -> Floats:
    """Return the soc (%) with NaN for glitches; `trace` has its odometer cleaned.

    A glitch is a jump by over 5 and back to within 5, for at most 5 readings or 60 s, where one of both jumps
    is impossible (over 5, and over 5 a minute), or where the odometer did not move and no current explains
    both. The reading next to a silence is a glitch, too, where it differs by an impossible jump from its
    neighbour and that one agrees with the next; so are up to 5 readings with 0.
    """
    place = np.flatnonzero(~np.isnan(trace.soc))
    soc, ts = trace.soc[place], trace.ts[place]
    step, seconds = np.diff(soc), np.diff(ts)
    jump = np.abs(step) > _JUMP
    if not jump.any():
        return trace.soc
    sudden = jump & (np.abs(step) > _FASTEST_PER_S * seconds)
    silent = ~near(ts, _NEAR_S)
    odd = _excursions(trace, place, jump, sudden)
    odd |= _beside_silence(jump, sudden, silent)
    odd |= _zeros_beside_silence(soc, sudden, silent)
    result = trace.soc.copy()
    result[place[odd]] = np.nan
    return result


def _excursions(trace: Trace, place: Indices, jump: Mask, sudden: Mask) -> NDArray[np.bool_]:
    """Return the readings between a jump (from the reading at an index to the next one) and the jump back."""
    ts, soc = trace.ts[place], trace.soc[place]
    odd = np.zeros(len(soc), np.bool_)
    jumps = np.flatnonzero(jump).tolist()
    odometer = last_true(~np.isnan(trace.odo_km))
    last = -1
    for number, out in enumerate(jumps):
        if out < last:
            continue
        # By index: a slice of all later jumps would take quadratic time.
        for back in (jumps[later] for later in range(number + 1, len(jumps))):
            if back - out > GLITCH_READINGS and ts[back + 1] - ts[out] > _NEAR_S:
                break
            if abs(soc[back + 1] - soc[out]) <= _JUMP:
                impossible = sudden[out] or sudden[back]
                if impossible or _unexplained(trace, odometer, int(place[out]), int(place[back + 1])):
                    odd[out + 1 : back + 1] = True
                    last = back + 1
                break
    return odd


def _unexplained(trace: Trace, odometer: Indices, first: int, last: int) -> bool:
    """Return whether the car stood still between two readings, without current both out and in.

    With the odometer of either end unknown the answer is no.
    """
    before, after = int(odometer[first]), int(odometer[last])
    if before < 0 or after <= first or trace.odo_km[after] - trace.odo_km[before] >= _MOVED_KM:
        return False
    current = trace.pack_current[first : last + 1]
    return not ((current >= _FLOWS_A).any() and (current <= -_FLOWS_A).any())


def _beside_silence(jump: Mask, sudden: Mask, silent: Mask) -> NDArray[np.bool_]:
    """Return single readings between a silence (or an end) and an impossible jump to two readings alike."""
    calm = ~jump & ~silent
    odd = np.zeros(len(jump) + 1, np.bool_)
    if len(jump) > 1:
        isolated_before, isolated_after = np.concatenate(([True], silent)), np.concatenate((silent, [True]))
        odd[:-2] |= isolated_before[:-2] & sudden[:-1] & calm[1:]
        odd[2:] |= isolated_after[2:] & sudden[1:] & calm[:-1]
    return odd


def _zeros_beside_silence(soc: Floats, sudden: Mask, silent: Mask) -> NDArray[np.bool_]:
    """Return up to 5 zeros between a silence (or an end) and an impossible jump from or to over 20 %."""
    begins, stops = runs(soc == 0)
    odd = np.zeros(len(soc), np.bool_)
    few = stops - begins <= GLITCH_READINGS
    begins, stops = begins[few], stops[few]
    silent, sudden = (np.concatenate(([end], mask, [end])) for mask, end in ((silent, True), (sudden, False)))
    full = np.concatenate(([False], soc > _EMPTY, [False]))
    entered, left = sudden[begins] & full[begins], sudden[stops] & full[stops + 1]
    wrong = (entered & silent[stops]) | (left & silent[begins])
    for begin, stop in zip(begins[wrong].tolist(), stops[wrong].tolist(), strict=True):
        odd[begin:stop] = True
    return odd


def settled(soc: Floats) -> Floats:
    """Return the soc (%) without reversals by its smallest step, such as 79, 80, 79, 80 at rest.

    A rise or fall lasts until soc is further from its extreme than the smallest step seen; between them it
    stays at the extreme. NaN stays NaN.
    """
    known = np.flatnonzero(~np.isnan(soc))
    values = np.round(soc[known], 6)
    changes = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
    steps = np.abs(np.diff(values[changes]))
    if len(steps) < 2:
        return soc
    band = min(float(steps.min()), _LARGEST_BAND) + 1e-6
    extremes: list[float] = []
    here, rising = float(values[0]), True
    for value in values[changes].tolist():
        if (value > here) if rising else (value < here):
            here = value
        elif abs(value - here) > band:
            here, rising = value, not rising
        extremes.append(here)
    result = soc.copy()
    result[known] = np.array(extremes)[np.searchsorted(changes, np.arange(len(values)), "right") - 1]
    return result
