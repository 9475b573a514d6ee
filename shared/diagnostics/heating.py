"""The rule HEATING_AT_REST: the hottest cell warms up although no current flows."""

from collections.abc import Iterator

import numpy as np

from shared.diagnostics.between import current_between, interpolated
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import intervals
from shared.diagnostics.masks import Indices, Mask, last_true
from shared.diagnostics.odometer import last_known
from shared.diagnostics.rhythm import gaps
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile

_CHARGED = 3.0
"""% of soc: by so much more or less between two slow readings the car was not at rest [C]."""


def heating_at_rest(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    """Find a rise of 0.2 °C/min over 10 minutes and three readings, at rest for 20 minutes or longer.

    At rest at most 2 A flow, the odometer stands still and soc hardly changes. After a drive the heat inside
    the cells reaches their sensors within minutes, so the time of rest comes first. A heater warms all cells:
    a rise that the coldest cell shares by more than half counts only above 25 °C. As in TEMP_RISE, the rise
    must hold with the reading at either end left out.
    """
    rule = RULES[Code.HEATING_AT_REST]
    level, numbers = rule.levels[0], rule.numbers
    block, rested_s = _rests(trace)
    known = np.flatnonzero(~np.isnan(trace.max_temp) & (rested_s >= numbers["rested_s"]))
    ts, temp, block = trace.ts[known], trace.max_temp[known], block[known]
    here = np.arange(len(ts))
    least = int(numbers["fewest_readings"]) - 1
    start = np.searchsorted(ts, ts - (numbers["window_s"] - 1e-6), "right") - 1
    start = np.minimum(start, here - least)
    wide = start >= 0
    here, start = here[wide], start[wide]
    whole = block[start] == block[here]
    here, start = here[whole], start[whole]
    if not len(here):
        return
    rate = _per_minute(ts, temp, start, here)
    firm = np.minimum(_per_minute(ts, temp, start + 1, here), _per_minute(ts, temp, start, here - 1))
    cold = interpolated(trace.ts, trace.min_temp)[known]
    shared = (cold[here] - cold[start]) > (1 - numbers["least_own_share"]) * (temp[here] - temp[start])
    is_set = (rate >= level.set) & (firm >= level.set)
    is_set &= ~shared | (temp[here] > numbers["heaters_up_to_c"])
    is_clear = rate < (level.clear or 0.0)
    for interval in intervals(ts[here], is_set, is_clear, until=trace.until):
        peak_at = interval.top(rate)
        begin, top = int(start[peak_at]), int(here[peak_at])
        yield compose(
            rule,
            ts,
            interval.among(here),
            peak_at=top,
            peak=rate[peak_at],
            window_s=ts[top] - ts[begin],
            detail=f"Hottest cell: from {temp[begin]:.6g} °C at {clock(ts[begin])} to {temp[top]:.6g} °C at"
            f" {clock(ts[top])}, {rate[peak_at]:.3g} °C/min without a current; {level.severity} at >="
            f" {level.set:g} °C/min, clears at < {level.clear:g} °C/min.",
        )


def _rests(trace: Trace) -> tuple[Indices, Floats]:
    """Return the stretch of rest of each reading, by number, and how long it has rested (s).

    It is -inf at readings that are not at rest, and inf before which no reading shows any use.
    """
    current = current_between(trace)
    odo = last_known(trace)
    moved = np.concatenate(([False], np.diff(odo) != 0)) & ~np.isnan(odo)
    changed = np.zeros(len(trace), np.bool_)
    soc = np.flatnonzero(~np.isnan(trace.soc))
    changed[soc[1:]] = np.abs(np.diff(trace.soc[soc])) >= _CHARGED
    used = (np.abs(current) > RULES[Code.HEATING_AT_REST].numbers["most_a"]) | moved[: len(trace)] | changed
    broken: Mask = used | np.isnan(current)
    broken |= np.concatenate(([False], gaps(trace.ts)))[: len(trace)]
    last = last_true(used)
    rested = np.where(last >= 0, trace.ts - trace.ts[last], np.inf) if len(trace) else trace.ts
    return np.cumsum(broken), np.where(used | np.isnan(current), -np.inf, rested)


def _per_minute(ts: Floats, temp: Floats, start: Indices, end: Indices) -> Floats:
    rate: Floats = np.round((temp[end] - temp[start]) / (ts[end] - ts[start]) * 60, 6)
    return rate
