"""Rules about the vehicle's clock against ours: late readings, and clocks that are ahead or behind."""

from collections.abc import Iterator

import numpy as np

from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.gaps import blocks
from shared.diagnostics.hysteresis import Interval, intervals
from shared.diagnostics.masks import Mask
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile
from shared.wording import duration


def late_data(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    """Find late readings, but for those of a clock that is behind."""
    rule = RULES[Code.LATE_DATA]
    level = rule.levels[0]
    delay = np.round(trace.received_at - trace.ts, 6)
    late = (delay > level.set) & ~_behind(trace)
    return (
        compose(
            rule,
            trace.ts,
            interval,
            peak_at=(top := interval.top(delay)),
            peak=delay[top],
            detail=f"Taken at {clock(trace.ts[top])}, received {duration(delay[top])} later;"
            f" {level.severity} at > {duration(level.set)}.",
        )
        for interval in intervals(trace.ts, late, ~late, until=trace.until)
    )


def clock_skew(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    """Find episodes of at least 3 of 5 neighbouring readings over 30 s ahead of our clock.

    An episode lasts from the first to the last of these readings; groups of five that share one of them are
    one episode. No group extends over a gap.
    """
    rule = RULES[Code.CLOCK_SKEW]
    level = rule.levels[0]
    ahead = np.round(trace.ts - trace.received_at, 6)
    skewed = np.flatnonzero(ahead > level.set)
    width, least = int(rule.numbers["out_of_readings"]), rule.readings
    block = blocks(trace.ts)
    # Indexes in `skewed`: each three (k, k + 1, k + 2) that lie within five readings of one block.
    begin, end = skewed[: 1 - least], skewed[least - 1 :]
    threes = np.flatnonzero((end - begin < width) & (block[begin] == block[end]))
    if not len(threes):
        return
    apart = np.diff(threes) >= least
    firsts = threes[np.append(True, apart)]
    lasts = threes[np.append(apart, True)] + least - 1
    for one, other in zip(firsts.tolist(), lasts.tolist(), strict=True):
        first, last = int(skewed[one]), int(skewed[other])
        following = min(last + 1, len(trace) - 1)
        ended_by = following if block[following] == block[last] else last
        interval = Interval(first, last, None if following == last else ended_by)
        top = interval.top(ahead)
        yield compose(
            rule,
            trace.ts,
            interval,
            peak_at=top,
            peak=ahead[top],
            samples=other - one + 1,
            detail=f"Taken at {clock(trace.ts[top])}, {duration(ahead[top])} after it was received;"
            f" {level.severity} at > {duration(level.set)} in {rule.readings} of {width} readings.",
        )


def clock_behind(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    """Find readings that arrive late by the same time, over 15 minutes, while both clocks go on.

    Readings that were kept during an outage arrive together, or faster than they were taken: their delay
    shrinks. The delay by a wrong clock stays within 30 s over three readings and 120 s.
    """
    rule = RULES[Code.CLOCK_BEHIND]
    level = rule.levels[0]
    delay = np.round(trace.received_at - trace.ts, 6)
    behind = _behind(trace)
    return (
        compose(
            rule,
            trace.ts,
            interval,
            peak_at=(top := interval.top(delay)),
            peak=delay[top],
            detail=f"Taken at {clock(trace.ts[top])}, received {duration(delay[top])} later, as were all"
            f" readings up to {clock(trace.ts[interval.last])}: the clock is behind, or the delivery takes as"
            f" long each time; {level.severity} at > {duration(level.set)}.",
        )
        for interval in intervals(trace.ts, behind, ~behind, until=trace.until)
    )


def _behind(trace: Trace) -> Mask:
    """Return the readings of a clock that is behind."""
    rule = RULES[Code.CLOCK_BEHIND]
    result = np.zeros(len(trace), np.bool_)
    delay = trace.received_at - trace.ts
    late = delay > rule.levels[0].set
    if np.count_nonzero(late) < rule.readings:
        return result
    # The reading at which the debounce of each one began: neither a reading in time nor a gap lies between.
    since = np.searchsorted(trace.ts, trace.ts - (rule.seconds - 1e-6), "right") - 1
    since = np.minimum(since, np.arange(len(trace)) - (rule.readings - 1))
    end = np.flatnonzero(since >= 0)
    begin = since[end]
    block = np.cumsum(~late) + blocks(trace.ts)
    steady = late[begin] & (block[begin] == block[end])
    steady &= np.abs(delay[end] - delay[begin]) <= rule.numbers["steady_s"]
    edges = np.zeros(len(trace) + 1, np.intp)
    np.add.at(edges, begin[steady], 1)
    np.add.at(edges, end[steady] + 1, -1)
    return np.cumsum(edges)[:-1] > 0
