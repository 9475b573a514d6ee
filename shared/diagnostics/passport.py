"""Counters of the EU battery passport, over the time the trace covers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.integrals import LONGEST_PAIR_S, Pairs, Totals
from shared.diagnostics.profile import Missing, Profile
from shared.diagnostics.resistance import Resistance
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.soc import without_glitches
from shared.diagnostics.trace import Floats, Trace

_HOT_C, _COLD_C = 45.0, 0.0
_EMPTY, _EMPTY_OVER = 5.0, 7.0
"""% of soc: fallen below the first; a new fall counts from the second on, as the rule SOC_LOW clears."""
_GROWTH_DAYS = 5
_GROWTH_SPAN_DAYS = 180


@dataclass(frozen=True, slots=True)
class Cycles:
    """Equivalent full cycles."""

    count: float
    by: str
    """`charge` (Ah over twice the nominal capacity) or `soc` (the sum of its steps)."""


@dataclass(frozen=True, slots=True)
class Passport:
    """Attributes of Regulation (EU) 2023/1542 and DIN DKE SPEC 99100, as far as readings tell."""

    hours_hot: float | Missing
    """max_temp > 45 °C"""
    hours_cold: float | Missing
    """min_temp < 0 °C"""
    hours_hot_charging: float | Missing
    hours_cold_charging: float | Missing
    deep_discharges: int | Missing
    """Times soc fell below 5 %."""
    cycles: Cycles | Missing
    throughput: Totals
    resistance_growth: float | Missing
    """%, of the resistance at 25 °C, last days against first ones."""


def passport(
    trace: Trace, sessions: Sequence[Session], resistance: Resistance | Missing, profile: Profile
) -> Passport:
    """The counters; `sessions` and `resistance` are those of this trace.

    Hours are sums over pairs of readings with 0 < dt <= 60 s, a pair with one end beyond the limit by half.
    Source: design/diagnostics.md, Integrals and estimates.
    """
    charging = np.zeros(max(len(trace) - 1, 0), np.bool_)
    for session in sessions:
        if session.kind is Kind.CHARGE and not session.inferred:
            charging[session.first : session.last] = True
    hot, cold = _hours(trace.ts, trace.max_temp, _HOT_C), _hours(trace.ts, -trace.min_temp, -_COLD_C)
    throughput, soc = Pairs.of(trace).total(), without_glitches(trace)
    soc = soc[~np.isnan(soc)]
    return Passport(
        hours_hot=_sum(hot, "max_temp"),
        hours_cold=_sum(cold, "min_temp"),
        hours_hot_charging=_sum(hot, "max_temp", charging),
        hours_cold_charging=_sum(cold, "min_temp", charging),
        deep_discharges=_falls(soc) if len(soc) else Missing("insufficient_data: no soc"),
        cycles=_cycles(soc, throughput, profile),
        throughput=throughput,
        resistance_growth=_growth(resistance),
    )


def _hours(ts: Floats, signal: Floats, limit: float) -> Floats | None:
    """Per pair of readings the hours above `limit`; None when the signal is never there."""
    if np.isnan(signal).all():
        return None
    seconds = np.diff(ts)
    beyond = np.where(np.isnan(signal), np.nan, signal > limit)
    hours = np.nan_to_num(beyond[:-1] + beyond[1:]) / 2 * seconds / 3600
    return np.where(seconds <= LONGEST_PAIR_S, hours, 0.0)


def _sum(hours: Floats | None, signal: str, pairs: NDArray[np.bool_] | None = None) -> float | Missing:
    if hours is None:
        return Missing(f"insufficient_data: no {signal}")
    return float(hours.sum() if pairs is None else hours[pairs].sum())


def _falls(soc: Floats) -> int:
    """How often soc fell below 5 % after it had been at 7 % or more (for the first time: at 5 % or more)."""
    low, high = soc < _EMPTY, soc >= _EMPTY_OVER
    high[0] = not low[0]
    sides = low[low | high].astype(int)
    return int(np.sum(np.diff(sides) > 0))


def _cycles(soc: Floats, throughput: Totals, profile: Profile) -> Cycles | Missing:
    """(Ah out + Ah in) / (2 * capacity_ah); without a capacity the sum of abs(dS) / 200."""
    charge = throughput.ah_out + throughput.ah_in
    if profile.capacity_ah is not None and charge > 0:
        return Cycles(charge / (2 * profile.capacity_ah), "charge")
    if len(soc) < 2:
        return Missing("insufficient_data: neither a current with the profile's capacity_ah nor soc")
    return Cycles(float(np.abs(np.diff(soc)).sum()) / 200, "soc")


def _growth(resistance: Resistance | Missing) -> float | Missing:
    """By how much (%) the median at 25 °C of the last five days is above that of the first five [C]."""
    if isinstance(resistance, Missing):
        return resistance
    days = [(day.day, day.ohm_at_25) for day in resistance.days if day.ohm_at_25 is not None]
    if len(days) < 2 * _GROWTH_DAYS or days[-1][0] - days[0][0] < _GROWTH_SPAN_DAYS:
        return Missing(
            f"insufficient_data: {len(days)} days with a resistance at 25 °C; needed are {2 * _GROWTH_DAYS}"
            f" over {_GROWTH_SPAN_DAYS} days"
        )
    values = [ohm for _, ohm in days]
    return float(100 * (np.median(values[-_GROWTH_DAYS:]) / np.median(values[:_GROWTH_DAYS]) - 1))
