"""The rule SOH_LOW: the reported state of health, as a median over 7 days."""

import numpy as np

from shared.diagnostics.days import DAY_S, weekly_medians
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import Interval
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile
from shared.wording import counted


def soh_low(trace: Trace, _profile: Profile) -> list[Episode]:
    """Find episodes of the median of daily medians (UTC) over a day and the 6 days before.

    Days without readings are ignored. Three days in a row below the threshold begin an episode, one day above
    the clear threshold ends it. No gap ends it: health does not recover during a silence.
    """
    rule = RULES[Code.SOH_LOW]
    known = np.flatnonzero(~np.isnan(trace.soh))
    if not len(known):
        return []
    ts, soh = trace.ts[known], trace.soh[known]
    day_of = (ts // DAY_S).astype(np.int64)
    begins = np.concatenate(([0], np.flatnonzero(np.diff(day_of)) + 1))
    stops = np.append(begins[1:], len(ts))
    days = day_of[begins]
    daily = np.array([np.median(soh[a:b]) for a, b in zip(begins, stops, strict=True)])
    medians = weekly_medians(days.astype(float), daily)
    # The worst level that is reached gives the severity; the least level gives beginning and end.
    active = [_active(medians, level.set, level.clear or 0.0, rule.readings) for level in rule.levels]
    found = []
    for first, stop in active[0]:
        reached = [
            level
            for level, others in zip(rule.levels, active, strict=True)
            if any(first <= begin < stop for begin, _ in others)
        ]
        level, low = reached[-1], first + int(np.argmin(medians[first:stop]))
        ended_by = int(begins[stop]) if stop < len(days) else None
        found.append(
            compose(
                rule,
                ts,
                Interval(int(begins[first]), int(stops[stop - 1]) - 1, ended_by),
                peak_at=int(stops[low]) - 1,
                peak=medians[low],
                severity=level.severity,
                threshold=level.set,
                window_s=rule.numbers["median_days"] * DAY_S,
                detail=f"State of health: median {medians[low]:.6g} % over 7 days up to"
                f" {clock(ts[stops[low] - 1])}; {level.severity} at < {level.set:g} % on"
                f" {counted(rule.readings, 'day')}, clears at >= {level.clear:g} %.",
            )
        )
    return found


def _active(medians: np.ndarray, begin: float, clear: float, days: int) -> list[tuple[int, int]]:
    """Return (first day, first day after) of each time from `days` days below `begin` on until `clear`."""
    found, low, first = [], 0, -1
    for day, median in enumerate(medians.tolist()):
        low = low + 1 if median < begin else 0
        if first < 0 and low >= days:
            first = day - days + 1
        elif first >= 0 and median >= clear:
            found.append((first, day))
            first = -1
    return [*found, (first, len(medians))] if first >= 0 else found
