"""Rules about the temperature rise of the hottest cell."""

from collections.abc import Iterator

import numpy as np

from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.gaps import blocks
from shared.diagnostics.hysteresis import Interval, intervals
from shared.diagnostics.masks import Indices, Mask, last_true, runs
from shared.diagnostics.rhythm import gaps
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile
from shared.wording import duration


def temp_rise(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    """Find rises per minute, from the earliest reading of the last 60 s; the window has 30 s and 3 readings.

    Where 60 s hold fewer readings, the window is that of the last three, as long as no gap lies among them.

    A spike of one sensor must not fire, at any period: the rise must also hold without the first and without
    the last reading, and the last two changes of the temperature in the window must be upward (changes, not
    neighbours: at 1 s many neighbours are equal to the last digit).
    """
    rule = RULES[Code.TEMP_RISE]
    level = rule.levels[0]
    known = np.flatnonzero(~np.isnan(trace.max_temp))
    ts, temp = trace.ts[known], trace.max_temp[known]
    here = np.arange(len(ts))
    least = int(rule.numbers["fewest_readings"]) - 1
    start = np.searchsorted(ts, ts - (rule.numbers["longest_window_s"] + 1e-6))
    start = np.maximum(np.minimum(start, here - least), 0)
    block = blocks(ts)
    wide = (ts - ts[start] >= rule.numbers["shortest_window_s"] - 1e-6) & (here - start >= least)
    wide &= block[start] == block
    # From here on only windows that are wide enough.
    here, start = here[wide], start[wide]
    rate = _per_minute(ts, temp, start, here)
    firm = np.minimum(_per_minute(ts, temp, start + 1, here), _per_minute(ts, temp, start, here - 1))
    is_set = (rate >= level.set) & (firm >= level.set) & _last_two_rise(temp, start, here)
    is_clear = rate < (level.clear or 0.0)
    for interval in intervals(ts[here], is_set, is_clear, until=trace.until):
        peak_at = interval.top(rate)
        top = int(here[peak_at])
        begin = int(start[peak_at])
        yield compose(
            rule,
            ts,
            interval.among(here),
            peak_at=top,
            peak=rate[peak_at],
            window_s=max(rule.numbers["longest_window_s"], ts[top] - ts[begin]),
            detail=f"Hottest cell: from {temp[begin]:.6g} °C at {clock(ts[begin])} to {temp[top]:.6g} °C"
            f" at {clock(ts[top])}, {rate[peak_at]:.3g} °C/min; {level.severity} at >="
            f" {level.set:g} °C/min, clears at < {level.clear:g} °C/min.",
        )


def _per_minute(ts: Floats, temp: Floats, start: Indices, end: Indices) -> Floats:
    seconds = np.maximum(ts[end] - ts[start], 1e-6)
    rate: Floats = np.round((temp[end] - temp[start]) / seconds * 60, 6)
    return rate


def _last_two_rise(temp: Floats, start: Indices, end: Indices) -> Mask:
    """Return whether the last two changes of the temperature between `start` and `end` are upward."""
    step = np.diff(temp, prepend=temp[:1])
    last = last_true(step != 0)
    newest = last[end]
    second = np.where(newest > 0, last[np.maximum(newest - 1, 0)], -1)
    rising: Mask = (second > start) & (step[newest] > 0) & (step[second] > 0)
    return rising


_SHORTEST_S = 1.0


def thermal_event(trace: Trace, _profile: Profile) -> list[Episode]:
    """Find a thermal event: a run of at least 1 °C/s with 60 °C, or with a voltage that falls by over 25 %.

    A run has at least two intervals between neighbours and more than 3 s. Readings less than a second apart
    are compared with the one a second before. A runaway may be over within one interval of a slow source: one
    interval is enough where it ends at 60 °C or more and the readings of the next 30 s, at least one, stay
    there, 10 °C above the beginning, or where the voltage has fallen as well: a spike does neither. A rise of
    60 °C within an interval counts however long it lasts. The episode is latched: the first event stays
    active, so there is at most one, and later events add to its samples.
    """
    rule = RULES[Code.THERMAL_EVENT]
    known = np.flatnonzero(~np.isnan(trace.max_temp))
    ts, temp = trace.ts[known], trace.max_temp[known]
    if len(ts) < 2:
        return []
    dt = np.diff(ts)
    # Index k is the interval that ends at k + 1. It begins at k, or earlier where that is less than a second:
    # the last digit of a temperature stands still for longer than the period of a fast source.
    before = np.minimum(np.searchsorted(ts, ts[1:] - (_SHORTEST_S - 1e-6), "right") - 1, np.arange(len(dt)))
    before = np.maximum(before, 0)
    rise, seconds = temp[1:] - temp[before], np.maximum(ts[1:] - ts[before], _SHORTEST_S)
    rate = np.round(rise / seconds, 4)
    threshold = np.minimum(rule.levels[0].set, np.round(rule.numbers["rise_of_interval_c"] / seconds, 4))
    begins, stops = runs((rate >= threshold) & ~gaps(ts))
    voltage = _last_voltage(trace)[known]
    hot = temp[stops] >= rule.numbers["max_temp_c"]
    fallen = _lowest(voltage, begins, stops) < (1 - rule.numbers["voltage_fall_share"]) * _first_known(
        voltage, begins
    )
    severe = (ts[stops] - ts[begins] > rule.numbers["longer_than_s"]) & (hot | fallen)
    severe &= (stops - begins >= rule.readings) | _holds(ts, temp, begins, stops) | (hot & fallen)
    begins, stops = begins[severe], stops[severe]
    if not len(begins):
        return []
    first = int(begins[0])
    edges = np.zeros(len(rate) + 1, np.intp)
    edges[begins], edges[stops] = 1, -1
    peak_at = int(np.argmax(np.where(np.cumsum(edges)[:-1] > 0, rate, -np.inf)))
    hottest = first + int(np.argmax(temp[first:]))
    low = f", lowest voltage {np.nanmin(voltage[first:]):.6g} V" if not np.isnan(voltage[first]) else ""
    return [
        compose(
            rule,
            ts,
            Interval(first, len(ts) - 1, None),
            peak_at=peak_at + 1,
            peak=rate[peak_at],
            threshold=threshold[peak_at],
            window_s=rule.numbers["longer_than_s"],
            samples=int(np.sum(stops - begins + 1)),
            detail=f"Hottest cell: {rate[peak_at]:.3g} °C/s up to {clock(ts[peak_at + 1])}, at most"
            f" {temp[hottest]:.6g} °C at {clock(ts[hottest])}{low}; critical at >="
            f" {threshold[peak_at]:.3g} °C/s for over {duration(rule.numbers['longer_than_s'])} with >="
            f" {rule.numbers['max_temp_c']:g} °C or a"
            f" voltage down by over {100 * rule.numbers['voltage_fall_share']:g} %.",
        )
    ]


def _holds(ts: Floats, temp: Floats, begins: Indices, stops: Indices) -> Mask:
    """Return the runs after which the temperature stays: up to 30 s later, and at the next reading at least.

    The reading `begins` is the last one before a run, `stops` its last one.
    """
    numbers = RULES[Code.THERMAL_EVENT].numbers
    later = np.minimum(stops + 1, len(ts) - 1)
    until = np.maximum(later, np.searchsorted(ts, ts[stops] + numbers["holds_s"], "right") - 1)
    holds: Mask = _lowest(temp, later, until) >= np.maximum(
        numbers["max_temp_c"], temp[begins] + numbers["holds_above_c"]
    )
    silent = np.append(gaps(ts), True)
    holds &= (temp[stops] >= numbers["max_temp_c"]) & ~silent[stops]
    return holds


def _lowest(voltage: Floats, begins: Indices, stops: Indices) -> Floats:
    """Return the lowest known value from each of `begins` to its stop, included; infinity without any."""
    padded = np.append(np.where(np.isnan(voltage), np.inf, voltage), np.inf)
    lowest: Floats = np.minimum.reduceat(padded, np.stack((begins, stops + 1), axis=1).ravel())[::2]
    return lowest


def _first_known(voltage: Floats, begins: Indices) -> Floats:
    """Return the first known value from each of `begins` on; `voltage` lacks only values before its first."""
    known = voltage[~np.isnan(voltage)]
    return np.where(np.isnan(voltage[begins]), known[0] if len(known) else np.nan, voltage[begins])


def _last_voltage(trace: Trace) -> Floats:
    """Return the voltage with missing values replaced by the last known one."""
    last = last_true(~np.isnan(trace.pack_voltage))
    return np.where(last >= 0, trace.pack_voltage[last], np.nan)
