"""Drives of a vehicle that its readings show."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.between import current_between
from shared.diagnostics.charging import Span
from shared.diagnostics.discharging import is_coarse, standstills
from shared.diagnostics.odometer import known_in_block
from shared.diagnostics.odometer_steps import COARSE_KM, resolution_km
from shared.diagnostics.rhythm import GAP_S, gaps
from shared.diagnostics.session import Course
from shared.diagnostics.trace import Floats
from shared.diagnostics.uncertainty import IDLE_A

_DRIVING_A = 5.0
_CREEPING_A = 2.0
"""Average of a pair of readings from which on a car that its odometer shows standing is not parked [C]."""
_LEAST_KM = 0.5
_LEAST_S = 300.0


def drive_spans(course: Course, charges: Sequence[Span], late: Sequence[Span] = ()) -> list[Span]:
    """Find drives: stretches with a rise of the odometer at least once in 300 s, of >= 0.5 km or >= 300 s.

    Each pair of a slower rhythm whose odometer rises is part of a drive, and one whose odometer stands still
    for 300 s ends it. `charges`: all spans that can't be drives; `late`: those that are, and in which the
    odometer stands still.

    I > 5 A up to 300 s before the first and after the last rise belongs to the drive (an odometer may step
    by whole km). In a jam such an odometer stands still for longer: with I >= 2 A at least once in 300 s the
    drive goes on. Between two gaps without any odometer, I > 5 A on average is a drive by itself, unless the
    odometer before and after shows that the car stood still.
    """
    trace = course.trace
    if len(trace) < 2:
        return []
    closed = gaps(trace.ts)
    for first, last in charges:
        closed[first:last] = True
    shown = _signs(course, closed)
    for first, last in late:
        shown[first:last] = ~closed[first:last]
    signs = np.flatnonzero(shown)
    if not len(signs):
        return []
    silence = trace.ts[signs[1:]] - trace.ts[signs[:-1] + 1]
    barred = np.diff(np.cumsum(closed)[signs]) > 0
    ends = np.flatnonzero(np.append((silence >= GAP_S) | barred, True))
    spans = zip(signs[np.append(0, ends[:-1] + 1)].tolist(), (signs[ends] + 1).tolist(), strict=True)
    return [span for span in spans if _kept(course, *span)]


def _signs(course: Course, closed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pairs of readings show a drive; none over a gap or while charging (`closed`)."""
    trace = course.trace
    rises = (np.diff(course.km) > 0) & ~closed
    current = current_between(trace)
    pulls = (current[:-1] + current[1:]) / 2 > _DRIVING_A
    begin, end = trace.ts[:-1], trace.ts[1:]
    last_rise = np.maximum.accumulate(np.where(rises, end, -np.inf))
    next_rise = np.minimum.accumulate(np.where(rises, begin, np.inf)[::-1])[::-1]
    near = (end - last_rise < GAP_S) | (next_rise - begin < GAP_S)
    coarse = resolution_km(trace.odo_km) >= COARSE_KM
    unseen = ~known_in_block(trace)[1:]
    if not is_coarse(course):
        unseen &= ~standstills(course)
    signs: NDArray[np.bool_] = (rises | (pulls & (near | unseen))) & ~closed
    if coarse:
        creeps = (current[:-1] + current[1:]) / 2 >= _CREEPING_A
        signs |= _between_rises(trace.ts, rises, (creeps | rises) & ~closed, closed)
    return signs


def _between_rises(
    ts: Floats, rises: NDArray[np.bool_], moves: NDArray[np.bool_], closed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the pairs that move between two rises, without a rest of 300 s or a charge among them."""
    found = np.zeros(len(moves), np.bool_)
    places = np.flatnonzero(moves)
    if not len(places):
        return found
    rests = ts[places[1:]] - ts[places[:-1] + 1] >= GAP_S
    stretch = np.append(0, np.cumsum(rests | (np.diff(np.cumsum(closed)[places]) > 0)))
    risen = rises[places]
    count = np.cumsum(risen)
    of_stretch = np.bincount(stretch, weights=risen)
    before = np.concatenate(([0], np.cumsum(of_stretch)[:-1]))[stretch]
    found[places[(count > before) & (count - risen < before + of_stretch[stretch])]] = True
    return found


def _kept(course: Course, first: int, last: int) -> bool:
    km = course.distance(first, last) or 0.0
    # A pair of over 300 s does not tell how long the vehicle moved.
    seconds = np.diff(course.trace.ts[first : last + 1])
    lasting = bool(np.sum(seconds[seconds <= GAP_S]) >= _LEAST_S)
    if km or not lasting:
        return km >= _LEAST_KM or lasting
    total = course.pairs.total(first, last)
    return total.ah * 3600 > _DRIVING_A * total.current_s


def is_unseen(course: Course, first: int, last: int) -> bool:
    """Return whether no reading shows the drive: it is one pair of readings, with no current at both ends."""
    current = np.abs(course.trace.pack_current[[first, last]])
    return last - first == 1 and not bool(np.any(current >= IDLE_A))
