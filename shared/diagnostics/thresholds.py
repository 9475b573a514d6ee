"""Rules that compare one figure of each reading with thresholds."""

from collections.abc import Iterator, Sequence
from heapq import merge

import numpy as np

from shared.diagnostics.activity import charging, charging_over
from shared.diagnostics.alerts import Severity
from shared.diagnostics.between import bounds
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import Interval, Intervals, intervals
from shared.diagnostics.masks import Indices, Mask
from shared.diagnostics.rule import Code, Comparison, Level, Rule
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Chemistry, Profile

_COMPARE = {">=": np.greater_equal, ">": np.greater, "<=": np.less_equal, "<": np.less, "==": np.equal}


def compare(values: Floats, comparison: Comparison, threshold: float) -> Mask:
    """Return which values meet the comparison; the threshold is rounded to 6 decimals, as the values are."""
    mask: Mask = _COMPARE[comparison](values, round(threshold, 6))
    return mask


def temp_high(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    return find_episodes(RULES[Code.TEMP_HIGH], trace, trace.max_temp)


def temp_high_charging(trace: Trace, profile: Profile) -> Iterator[Episode]:
    """Find hot cells while charging; an episode also ends with the charge, not only by the temperature."""
    charges = charging(trace, profile)
    over = charging_over(trace, charges)
    return find_episodes(RULES[Code.TEMP_HIGH_CHARGING], trace, trace.max_temp, only=charges, over=over)


def cold_charging(trace: Trace, profile: Profile) -> Iterator[Episode]:
    """Find cold cells while charging with over 0.05C, or 5 A for an unknown capacity.

    An episode also ends with the charge.
    """
    rule = RULES[Code.COLD_CHARGING]
    if profile.capacity_ah is None:
        limit = rule.numbers["charging_a_without_capacity"]
    else:
        limit = rule.numbers["charging_c"] * profile.capacity_ah
    charges = charging(trace, profile)
    over = charging_over(trace, charges)
    _, weakest = bounds(trace.ts, trace.pack_current)
    return find_episodes(rule, trace, trace.min_temp, only=charges & (weakest < -limit), over=over)


def temp_spread(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    """Find a spread at the readings of either cell, the other cell known between its own readings."""
    ts, hot, cold = trace.ts, trace.max_temp, trace.min_temp
    least_hot, _ = bounds(ts, hot)
    _, least_cold = bounds(ts, cold)
    measured = ~(np.isnan(hot) & np.isnan(cold))
    return find_episodes(RULES[Code.TEMP_SPREAD], trace, np.where(measured, least_hot - least_cold, np.nan))


def soc_low(trace: Trace, _profile: Profile) -> Iterator[Episode]:
    return find_episodes(RULES[Code.SOC_LOW], trace, trace.soc)


def pack_overvolt(trace: Trace, profile: Profile) -> Iterator[Episode]:
    return _cell_voltage(RULES[Code.PACK_OVERVOLT], trace, profile)


def pack_undervolt(trace: Trace, profile: Profile) -> Iterator[Episode]:
    """Find undervoltage; below 0.5 V a cell the sensor is absent, and the value neither sets nor clears."""
    return _cell_voltage(RULES[Code.PACK_UNDERVOLT], trace, profile)


def _cell_voltage(rule: Rule, trace: Trace, profile: Profile) -> Iterator[Episode]:
    assert profile.series_cells  # noqa: S101 the rule is skipped without
    levels = rule.lfp_levels if profile.chemistry is Chemistry.LFP else rule.levels
    volts = trace.pack_voltage / profile.series_cells
    live = volts >= rule.numbers.get("least_live_cell_v", -np.inf)
    return find_episodes(rule, trace, np.where(live, volts, np.nan), levels=levels)


def overcurrent(trace: Trace, profile: Profile) -> Iterator[Episode]:
    """Find overcurrent in each direction whose limit is known; 5C is one for discharging alone.

    Normal fast charges reach 3.1C, and more with each year: only the maker's limit tells them from a fault.
    """
    rule = RULES[Code.OVERCURRENT]
    capacity = profile.capacity_ah or 0.0
    discharge = profile.max_discharge_a or rule.numbers["discharge_c_without_limit"] * capacity
    charge = profile.max_charge_a
    found = []
    for limit, current, side in (
        (discharge, trace.pack_current, "discharging"),
        (charge, -trace.pack_current, "charging"),
    ):
        if limit:
            levels = tuple(_scaled(level, limit) for level in rule.levels)
            found.append(
                find_episodes(rule, trace, current, levels=levels, unit="A", observed=f"{side} current")
            )
    return merge(*found, key=lambda episode: episode.started_at)


def _scaled(level: Level, limit: float) -> Level:
    return Level(level.severity, level.set * limit, None if level.clear is None else level.clear * limit)


def find_episodes(
    rule: Rule,
    trace: Trace,
    values: Floats,
    *,
    levels: tuple[Level, ...] = (),
    only: Mask | None = None,
    over: Mask | None = None,
    unit: str | None = None,
    observed: str | None = None,
) -> Iterator[Episode]:
    """Find the episodes of `values`, one value for each reading (NaN = unknown), by the rule's thresholds.

    `only`: readings that may set; `over`: readings that clear, with any value.
    """
    known = np.flatnonzero(~np.isnan(values))
    # Rounded: 32.3 - 22.3 is just below 10 in binary, and must still reach a threshold of 10.
    ts, values = trace.ts[known], np.round(values[known], 6) + 0.0
    may_set = None if only is None else only[known]
    is_over = None if over is None else over[known]
    levels = levels or rule.levels
    by_level = [
        intervals(
            ts,
            *_conditions(rule, level, values, (may_set, is_over)),
            until=trace.until,
            readings=rule.readings,
            seconds=rule.seconds,
        )
        for level in levels
    ]
    for interval, worst in zip(by_level[0], _worst(by_level).tolist(), strict=True):
        begins = by_level[worst].first
        yield _episode(
            rule,
            levels[worst],
            ts,
            values,
            interval,
            reached=int(begins[np.searchsorted(begins, interval.first)]),
            unit=unit or rule.unit,
            observed=observed or rule.observed,
        )


def _worst(by_level: Sequence[Intervals]) -> Indices:
    """Return, for each interval of the least level, the worst level with an interval that begins inside."""
    least = by_level[0]
    worst = np.zeros(len(least.first), np.intp)
    for number, intervals_of_level in enumerate(by_level):
        begins = intervals_of_level.first
        reached = np.searchsorted(begins, least.first) < np.searchsorted(begins, least.last, "right")
        worst[reached] = number
    return worst


def _conditions(
    rule: Rule, level: Level, values: Floats, context: tuple[Mask | None, Mask | None]
) -> tuple[Mask, Mask]:
    may_set, is_over = context
    is_set = compare(values, rule.sets, level.set)
    if may_set is not None:
        is_set &= may_set
    is_clear = np.zeros(len(values), np.bool_)
    if rule.clears is not None and level.clear is not None:
        is_clear = compare(values, rule.clears, level.clear)
    if is_over is not None:
        is_clear |= is_over
    return is_set, is_clear


def _episode(
    rule: Rule,
    level: Level,
    ts: Floats,
    values: Floats,
    interval: Interval,
    *,
    reached: int,
    unit: str,
    observed: str,
) -> Episode:
    """Make the episode of an interval; `reached` is the reading with which the worst level began."""
    inside = values[interval.first : interval.last + 1]
    peak_at = interval.first + int(np.argmax(inside) if rule.sets in {">", ">="} else np.argmin(inside))
    severity: Severity = level.severity
    since = f" since {clock(ts[reached])}" if reached > interval.first else ""
    over = "" if level.clear is None else f", clears at {rule.clears} {level.clear:.6g} {unit}"
    return compose(
        rule,
        ts,
        interval,
        peak_at=peak_at,
        peak=values[peak_at],
        severity=severity,
        threshold=level.set,
        unit=unit,
        detail=f"{observed[0].upper()}{observed[1:]}: {values[peak_at]:.6g} {unit} at {clock(ts[peak_at])};"
        f" {severity} at {rule.sets} {level.set:.6g} {unit}{since}{over}.",
    )
