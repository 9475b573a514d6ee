"""Temperatures that no pack can have, and the rule SENSOR_IMPLAUSIBLE about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.diagnostics.between import bounds
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import intervals
from shared.diagnostics.masks import Mask, runs
from shared.diagnostics.rhythm import GAP_S, near
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile

_LOWEST_C = RULES[Code.SENSOR_IMPLAUSIBLE].levels[0].set
_NUMBERS = RULES[Code.SENSOR_IMPLAUSIBLE].numbers


@dataclass(frozen=True, slots=True, eq=False)
class Implausible:
    """Masks over the readings of a trace."""

    hottest: Mask
    """`max_temp` is no temperature of a cell."""
    coldest: Mask
    """`min_temp` is none."""
    inverted: Mask
    """The coldest cell is warmer than the hottest one; one of both is wrong, but which one is unknown."""

    @classmethod
    def of(cls, trace: Trace) -> Self:
        """Find -40 °C beside a cell, or next to a reading, over 20 °C warmer; 40 °C of spread, no cell hot.

        -40 °C is the lowest value that the wire format can hold, which absent sensors show. A spread of 40 °C
        with the hottest cell below 45 °C would need a cell far below the ambient temperature: a hot cell, as
        in a thermal event, is at 45 °C or more.
        """
        hot, cold = trace.max_temp, trace.min_temp
        least_hot, most_hot = bounds(trace.ts, hot)
        least_cold, most_cold = bounds(trace.ts, cold)
        far = _NUMBERS["warmer_by_c"]
        hottest = (hot <= _LOWEST_C) & ((least_cold - hot > far) | _falls_to_lowest(trace.ts, hot))
        coldest = (cold <= _LOWEST_C) & ((least_hot - cold > far) | _falls_to_lowest(trace.ts, cold))
        spread = np.round(least_hot - most_cold, 6)
        coldest |= (spread >= _NUMBERS["spread_c"]) & (most_hot < _NUMBERS["no_cell_hot_c"]) & ~np.isnan(cold)
        inverted = np.round(least_cold - most_hot, 6) > _NUMBERS["inverted_by_c"]
        return cls(hottest, coldest, inverted & ~hottest & ~coldest)


def _falls_to_lowest(ts: Floats, temp: Floats) -> Mask:
    """Return the readings at -40 °C whose stretch at -40 °C begins or ends by a step of over 20 °C."""
    result = np.zeros(len(temp), np.bool_)
    known = np.flatnonzero(~np.isnan(temp))
    values = temp[known]
    begins, stops = runs(values <= _LOWEST_C)
    if not len(begins):
        return result
    # A pack cools down in a long silence: only a step between neighbours is impossible.
    warm = np.concatenate(([False], values > _LOWEST_C + _NUMBERS["warmer_by_c"], [False]))
    close = np.concatenate(([False], near(ts[known], GAP_S), [False]))
    wrong = (warm[begins] & close[begins]) | (warm[stops + 1] & close[stops])
    for begin, stop in zip(begins[wrong].tolist(), stops[wrong].tolist(), strict=True):
        result[known[begin:stop]] = True
    return result


def sensor_implausible(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    """Find temperatures that no pack can have: one episode as long as they last."""
    rule = RULES[Code.SENSOR_IMPLAUSIBLE]
    found = Implausible.of(trace)
    known = np.flatnonzero(~(np.isnan(trace.max_temp) & np.isnan(trace.min_temp)))
    wrong = (found.hottest | found.coldest | found.inverted)[known]
    if not wrong.any():
        return
    ts = trace.ts[known]
    hot, _ = bounds(trace.ts, trace.max_temp)
    cold, _ = bounds(trace.ts, trace.min_temp)
    hot, cold, only_hot = hot[known], cold[known], found.hottest[known] & ~found.coldest[known]
    distance = np.where(wrong, np.nan_to_num(np.abs(hot - cold), nan=0.0), -1.0)
    for interval in intervals(
        ts, wrong, ~wrong, until=trace.until, readings=rule.readings, seconds=rule.seconds
    ):
        top = interval.top(distance)
        names = ("hottest", "coldest") if only_hot[top] else ("coldest", "hottest")
        value, other = (hot[top], cold[top]) if only_hot[top] else (cold[top], hot[top])
        beside = "" if np.isnan(other) else f" while the {names[1]} cell is at {other:.6g} °C"
        yield compose(
            rule,
            ts,
            interval,
            peak_at=top,
            peak=value,
            detail=f"{names[0].capitalize()} cell: {value:.6g} °C at {clock(ts[top])}{beside}: a sensor is"
            " absent or broken. The value is left out elsewhere, unless it is unknown which is wrong.",
        )
