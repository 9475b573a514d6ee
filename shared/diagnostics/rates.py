"""Rules about how fast the hottest cell heats up."""

import numpy as np

from shared.diagnostics.activity import last_true
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import GAP_S, Indices, Mask, runs, spells
from shared.diagnostics.profile import Profile
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace


def temp_rise(trace: Trace, _profile: Profile) -> list[Episode]:
    """Per minute, from the earliest reading of the last 60 s; there must be 30 s and 3 readings.

    A spike of one sensor must not fire, at whatever period: the rise must also be seen with either
    end's reading left out, and the last two changes of the temperature in the window must be upward
    (changes, because at 1 s many neighbours are equal to the last digit).
    """
    rule = RULES[Code.TEMP_RISE]
    level = rule.levels[0]
    known = np.flatnonzero(~np.isnan(trace.max_temp))
    ts, temp = trace.ts[known], trace.max_temp[known]
    here = np.arange(len(ts))
    start = np.searchsorted(ts, ts - (rule.numbers["longest_window_s"] + 1e-6))
    wide = (ts - ts[start] >= rule.numbers["shortest_window_s"] - 1e-6) & (
        here - start >= rule.numbers["fewest_readings"] - 1
    )
    # From here on only windows that are wide enough.
    here, start = here[wide], start[wide]
    rate = _per_minute(ts, temp, start, here)
    firm = np.minimum(_per_minute(ts, temp, start + 1, here), _per_minute(ts, temp, start, here - 1))
    is_set = (rate >= level.set) & (firm >= level.set) & _last_two_rise(temp, start, here)
    is_clear = rate < (level.clear or 0.0)
    found = []
    for spell in spells(ts[here], is_set, is_clear):
        peak_at = spell.first + int(np.argmax(rate[spell.first : spell.last + 1]))
        first, last, top = (int(here[each]) for each in (spell.first, spell.last, peak_at))
        begin = int(start[peak_at])
        found.append(
            compose(
                rule,
                ts,
                (first, last),
                ended_at=None if spell.ended_by is None else float(ts[here[spell.ended_by]]),
                peak_at=top,
                peak=rate[peak_at],
                window_s=rule.numbers["longest_window_s"],
                detail=f"Hottest cell: from {temp[begin]:.6g} °C at {clock(ts[begin])} to {temp[top]:.6g} °C"
                f" at {clock(ts[top])}, {rate[peak_at]:.3g} °C/min; {level.severity} at >="
                f" {level.set:g} °C/min, clears at < {level.clear:g} °C/min.",
            )
        )
    return found


def _per_minute(ts: Floats, temp: Floats, start: Indices, end: Indices) -> Floats:
    seconds = np.maximum(ts[end] - ts[start], 1e-6)
    rate: Floats = np.round((temp[end] - temp[start]) / seconds * 60, 6)
    return rate


def _last_two_rise(temp: Floats, start: Indices, end: Indices) -> Mask:
    """Whether the last two changes of the temperature between `start` and `end` are upward."""
    step = np.diff(temp, prepend=temp[:1])
    last = last_true(step != 0)
    newest = last[end]
    second = np.where(newest > 0, last[np.maximum(newest - 1, 0)], -1)
    rising: Mask = (second > start) & (step[newest] > 0) & (step[second] > 0)
    return rising


def thermal_event(trace: Trace, _profile: Profile) -> list[Episode]:
    """At least 1 °C/s between neighbours, over two intervals or more and for more than 3 s; and, in such
    a run, 60 °C or a voltage that lost more than 25 % of what it was before.

    Latched: the first one stays active, so there is at most one; later ones count into its samples.
    """
    rule = RULES[Code.THERMAL_EVENT]
    known = np.flatnonzero(~np.isnan(trace.max_temp))
    ts, temp = trace.ts[known], trace.max_temp[known]
    if len(ts) < 2:
        return []
    dt = np.diff(ts)
    rate = np.round(np.diff(temp) / dt, 6)
    # Place k is the interval from k to k + 1.
    begins, stops = runs((rate >= rule.levels[0].set) & (dt < GAP_S))
    long = (ts[stops] - ts[begins] > rule.numbers["longer_than_s"]) & (stops - begins >= rule.readings)
    voltage, samples, first, steep = _last_voltage(trace)[known], 0, -1, []
    for begin, stop in zip(begins[long].tolist(), stops[long].tolist(), strict=True):
        lowest = np.nanmin(voltage[begin : stop + 1]) if not np.isnan(voltage[begin]) else np.nan
        fell = lowest < (1 - rule.numbers["voltage_fall_share"]) * voltage[begin]
        if fell or temp[stop] >= rule.numbers["max_temp_c"]:
            samples += stop - begin + 1
            first = begin if first < 0 else first
            steep.append(begin + int(np.argmax(rate[begin:stop])))
    if not steep:
        return []
    peak_at = max(steep, key=lambda place: float(rate[place]))
    hottest = first + int(np.argmax(temp[first:]))
    low = f", lowest voltage {np.nanmin(voltage[first:]):.6g} V" if not np.isnan(voltage[first]) else ""
    return [
        compose(
            rule,
            ts,
            (first, len(ts) - 1),
            ended_at=None,
            peak_at=peak_at + 1,
            peak=rate[peak_at],
            window_s=rule.numbers["longer_than_s"],
            samples=samples,
            detail=f"Hottest cell: {rate[peak_at]:.3g} °C/s up to {clock(ts[peak_at + 1])}, at most"
            f" {temp[hottest]:.6g} °C at {clock(ts[hottest])}{low}; critical at >="
            f" {rule.levels[0].set:g} °C/s for over {rule.numbers['longer_than_s']:g} s with >="
            f" {rule.numbers['max_temp_c']:g} °C or a"
            f" voltage down by over {100 * rule.numbers['voltage_fall_share']:g} %.",
        )
    ]


def _last_voltage(trace: Trace) -> Floats:
    """The voltage with its last known value where a reading lacks it."""
    last = last_true(~np.isnan(trace.pack_voltage))
    return np.where(last >= 0, trace.pack_voltage[last], np.nan)
