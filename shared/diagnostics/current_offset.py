"""The rule SENSOR_OFFSET: at rest the current adds up, while the state of charge does not follow."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from shared.diagnostics.between import current_between, linked
from shared.diagnostics.days import DAY_S
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import Interval
from shared.diagnostics.masks import Indices, Mask, runs
from shared.diagnostics.odometer import last_known
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile

_LEAST_HOURS = 1.0
"""Shorter rests say little: the last digit of soc is more than their charge [C]."""
_CLIPPED = 0.5
"""% from 0 and 100 within which soc may stand still although a current flows [C]."""
_LARGEST_DIGIT = 2.0


def sensor_offset(trace: Trace, profile: Profile) -> list[Episode]:
    """Find days (UTC) with 6 hours of rest or more over which the current is off by 0.5 A or more.

    At rest (at most 3 A, the odometer unchanged) the offset is (Ah + capacity * dS/100) / hours: the counted
    charge less the charge that the change of soc shows. A real load empties the battery, so that both agree.
    The last digit of soc makes the offset uncertain: twice its standard deviation is added to the threshold.
    Days with less rest neither begin nor end an episode.
    """
    rule = RULES[Code.SENSOR_OFFSET]
    assert profile.capacity_ah is not None  # noqa: S101 the rule is skipped without
    rests = _Rests.of(trace, profile.capacity_ah)
    days, begins = np.unique(rests.day, return_index=True)
    if not len(days):
        return []
    hours, ah, ah_of_soc = (
        np.add.reduceat(each, begins) for each in (rests.hours, rests.ah, rests.ah_of_soc)
    )
    count = np.diff(np.append(begins, len(rests.day)))
    offset = np.round((ah - ah_of_soc) / hours, 6)
    deviation = rests.digit_ah * np.sqrt(count / 6) / hours
    allowed = rule.levels[0].set + rule.numbers["deviations"] * deviation
    judged = np.flatnonzero(hours >= rule.numbers["least_hours"])
    is_set = np.abs(offset[judged]) >= allowed[judged]
    stops = np.append(begins[1:], len(rests.day)) - 1
    found = []
    for first, stop in _same_sign(is_set, offset[judged]):
        inside = judged[first:stop]
        top = int(inside[np.argmax(np.abs(offset[inside]))])
        begin, end = int(rests.first[begins[inside[0]]]), int(rests.last[stops[inside[-1]]])
        ended_by = int(rests.first[begins[judged[stop]]]) if stop < len(judged) else None
        middle = int(rests.first[begins[top]])
        found.append(
            compose(
                rule,
                trace.ts,
                Interval(begin, end, ended_by),
                peak_at=middle,
                peak=offset[top],
                threshold=allowed[top],
                window_s=DAY_S,
                detail=f"Current: off by {offset[top]:.3g} A (± {2 * deviation[top]:.2g}). In"
                f" {hours[top]:.3g} hours at rest on the day of {clock(trace.ts[middle])} it adds up to"
                f" {ah[top] + 0.0:.3g} Ah out, the state of charge to {ah_of_soc[top] + 0.0:.3g} Ah;"
                f" {rule.levels[0].severity} at >= {allowed[top]:.3g} A. A current that is repeated while the"
                " vehicle sleeps looks alike.",
            )
        )
    return found


def _same_sign(is_set: np.ndarray, offset: Floats) -> list[tuple[int, int]]:
    """Return the runs of days, each with offsets of one sign."""
    edges = np.flatnonzero(np.diff(np.where(is_set, np.sign(offset), 0))) + 1
    spans = pairwise([0, *edges.tolist(), len(is_set)])
    return [(first, stop) for first, stop in spans if stop > first and is_set[first]]


@dataclass(frozen=True, slots=True, eq=False)
class _Rests:
    """The rests of a trace, cut at midnight: sums of each, between its first and its last soc."""

    first: Indices
    last: Indices
    day: Floats
    hours: Floats
    ah: Floats
    """Counted charge out."""
    ah_of_soc: Floats
    """Charge out by the fall of soc."""
    digit_ah: float
    """Charge of the last digit of soc."""

    @classmethod
    def of(cls, trace: Trace, capacity_ah: float) -> "_Rests":
        """Find the rests, each of an hour or longer, with a soc that is not clipped."""
        current, day = current_between(trace), trace.ts // DAY_S
        odo = last_known(trace)
        calm = np.abs(current) <= RULES[Code.SENSOR_OFFSET].numbers["most_a"]
        pairs = linked(trace.ts, trace.pack_current) & calm[1:] & calm[:-1]
        # Without an odometer a rest is known by its current alone: no drive is an hour below 3 A.
        pairs &= (np.diff(odo) == 0) | np.isnan(odo[1:])
        pairs &= np.diff(day) == 0
        seconds = np.diff(trace.ts)
        counted = np.where(pairs, seconds * (current[1:] + current[:-1]) / 7200, 0.0)
        known = np.flatnonzero(~np.isnan(trace.soc))
        digit_ah = _digit(trace.soc[known]) * capacity_ah / 100
        pairs &= ~_unseen_flow(trace, known, counted, capacity_ah, digit_ah)
        begins, ends = runs(pairs)
        first, last = np.searchsorted(known, begins), np.searchsorted(known, ends, "right") - 1
        apart = last > first
        first, last = known[first[apart]], known[last[apart]]
        hours, ah = (
            np.concatenate(([0.0], np.cumsum(np.where(pairs, each, 0.0))))
            for each in (seconds / 3600, counted)
        )
        length = hours[last] - hours[first]
        soc = trace.soc
        free = (np.minimum(soc[first], soc[last]) >= _CLIPPED) & (
            np.maximum(soc[first], soc[last]) <= 100 - _CLIPPED
        )
        kept = (length >= _LEAST_HOURS) & free
        first, last = first[kept], last[kept]
        return cls(
            first,
            last,
            trace.ts[first] // DAY_S,
            length[kept],
            ah[last] - ah[first],
            (soc[first] - soc[last]) * capacity_ah / 100,
            digit_ah,
        )


def _unseen_flow(trace: Trace, known: Indices, counted: Floats, capacity_ah: float, digit_ah: float) -> Mask:
    """Return the pairs of readings over which soc changed by more than any offset: a charge between them.

    `known` are the readings with a soc, `counted` is the charge (Ah) of each pair.
    """
    ah = np.concatenate(([0.0], np.cumsum(counted)))[known]
    unexplained = np.abs(np.diff(ah) + np.diff(trace.soc[known]) * capacity_ah / 100)
    most = RULES[Code.SENSOR_OFFSET].numbers["most_a"] * np.diff(trace.ts[known]) / 3600
    odd = np.flatnonzero(unexplained > most + 1.5 * digit_ah)
    edges = np.zeros(len(trace) + 1, np.intp)
    np.add.at(edges, known[odd], 1)
    np.add.at(edges, known[odd + 1], -1)
    return np.cumsum(edges)[: max(len(trace) - 1, 0)] > 0


def _digit(soc: Floats) -> float:
    """Return the smallest step (%) of soc, at most 2; 1 where it never changes."""
    steps = np.round(np.abs(np.diff(soc)), 6)
    steps = steps[steps > 0]
    return min(float(steps.min()), _LARGEST_DIGIT) if len(steps) else 1.0
