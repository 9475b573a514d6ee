"""Charges that the state of charge shows where the current does not: rises without a way, joined."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shared.diagnostics.charging import CHARGED, Span
from shared.diagnostics.gaps import filled
from shared.diagnostics.masks import Indices, Mask
from shared.diagnostics.odometer import MOVED_KM, known_in_block
from shared.diagnostics.rhythm import GAP_S, PAIR_S, gaps, longest_silences
from shared.diagnostics.session import Course
from shared.diagnostics.trace import Floats
from shared.diagnostics.uncertainty import IDLE_A

DRIVEN_KM = 2.0
"""Distance from which on a gap holds a drive."""
_FLAT_S = 3600.0
"""Longest time in one charge without a rise of soc: a slow charger takes that long for 1 % [C]."""
_FALL = 1.0
"""% of soc by which a charge may fall meanwhile: the last digit of many sources [C]."""
_NEARLY_FULL = 97.0
_FASTEST_PER_S = 30 / 3600
"""% of soc in a second up to a nearly full battery: a charger is slower there [C]."""


class Changes(NamedTuple):
    """Changes over each pair of neighbouring readings, and the filled soc at each reading."""

    soc: Floats
    """%, at each reading, the last known value."""
    charged: Floats
    """%"""
    km: Floats
    is_gap: Mask


class _Part(NamedTuple):
    first: int
    last: int
    is_seen: bool
    """Seen by its current, not only by soc."""
    ends_seen: bool
    """So at its end."""
    has_gap: bool


def changes(course: Course) -> Changes:
    """Compute the changes; rounded, since 33.3 - 30.3 is just below 3 in binary."""
    soc = filled(course.trace.ts, course.trace.soc)
    km = np.nan_to_num(np.round(np.diff(course.km), 6))
    return Changes(soc, np.round(np.diff(soc), 6), km, gaps(course.trace.ts))


def joined_charges(
    course: Course, found: Changes, charges: list[Span], closed: Sequence[Span] = ()
) -> tuple[list[Span], list[Span]]:
    """Return the charges with a known current, extended by rises beside them, and the rises that are alone.

    A rise counts over gaps, where the current is unknown, and between readings over 60 s apart with a known
    odometer, where a charge may have begun and ended unseen. Rises are one charge while soc does not fall
    by over 1 %, the odometer stands still, and no pause is over an hour or the rhythm. A rise with a gap in
    it extends no charge: a gap closes a session. `closed`: spans in which no rise counts.
    """
    parts = [_Part(first, last, is_seen=True, ends_seen=True, has_gap=False) for first, last in charges]
    parts += _rises(course, found, [*charges, *closed])
    parts.sort()
    barriers = sorted(first for first, _ in closed)
    result: list[_Part] = []
    for part in parts:
        is_barred = bool(result) and (
            bisect_left(barriers, result[-1].last) < bisect_left(barriers, part.first)
        )
        if result and not is_barred and _is_one(course, found, result[-1], part):
            last = result.pop()
            part = part._replace(first=last.first, is_seen=True)  # noqa: PLW2901
        result.append(part)
    seen = [(part.first, part.last) for part in result if part.is_seen]
    return seen, [(part.first, part.last) for part in result if not part.is_seen]


def _is_one(course: Course, found: Changes, one: _Part, other: _Part) -> bool:
    if one.has_gap or other.has_gap or one.ends_seen == other.is_seen:
        return False
    pause = course.trace.ts[other.first] - course.trace.ts[one.last]
    limit = longest_silences(course.trace.ts, np.array([max(one.last - 1, 0)]), GAP_S)[0]
    still = course.km[other.first] - course.km[one.last] < MOVED_KM or np.isnan(course.km[one.last])
    fallen = found.soc[one.last] - found.soc[other.first] > _FALL
    return bool(pause <= limit and still and not fallen)


def _rises(course: Course, found: Changes, charges: list[Span]) -> list[_Part]:
    trace = course.trace
    if len(trace) < 2:
        return []
    inside = np.zeros(len(trace) - 1, np.bool_)
    for first, last in charges:
        inside[first:last] = True
    unseen = course.pairs.current_s == 0
    slow = (np.diff(trace.ts) > PAIR_S) & known_in_block(trace)[1:]
    near = found.km < np.where(found.is_gap, DRIVEN_KM, MOVED_KM)
    ups = np.flatnonzero(
        (unseen | slow) & ~inside & (found.charged > 0) & near & ~_corrections(course, found)
    )
    if not len(ups):
        return []
    ends = np.flatnonzero(np.append(_apart(course, found, ups, inside), True))
    firsts, lasts = ups[np.append(0, ends[:-1] + 1)], ups[ends] + 1
    gaps_before = np.concatenate(([0], np.cumsum(found.is_gap)))
    enough = np.round(found.soc[lasts] - found.soc[firsts], 6) >= CHARGED
    has_gap = gaps_before[lasts] > gaps_before[firsts]
    kept = (each[enough].tolist() for each in (firsts, lasts, has_gap))
    return [
        _Part(first, last, is_seen=False, ends_seen=False, has_gap=silent)
        for first, last, silent in zip(*kept, strict=True)
    ]


def _corrections(course: Course, found: Changes) -> Mask:
    """Return the steps of soc to nearly full that no charger explains, between two readings at rest."""
    trace = course.trace
    idle = np.abs(trace.pack_current) < IDLE_A
    fast = found.charged > _FASTEST_PER_S * np.diff(trace.ts)
    corrected: Mask = idle[1:] & idle[:-1] & fast & (found.soc[1:] >= _NEARLY_FULL) & ~found.is_gap
    return corrected


def _apart(course: Course, found: Changes, ups: Indices, inside: Mask) -> Mask:
    """Return which neighbouring rises belong to two charges."""
    ts, km = course.trace.ts, np.nan_to_num(course.km)
    one, other = ups[:-1], ups[1:]
    charged_before = np.concatenate(([0], np.cumsum(inside)))
    apart: Mask = (
        (ts[other] - ts[one + 1] > longest_silences(ts, other, _FLAT_S))
        | (np.round(km[other + 1] - km[one], 6) >= MOVED_KM)
        | (found.soc[one + 1] - found.soc[other] > _FALL)
        | (charged_before[other] > charged_before[one])
    )
    return apart
