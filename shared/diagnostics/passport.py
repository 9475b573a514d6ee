"""Counters of the EU battery passport, over the time the trace covers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.between import interpolated, linked
from shared.diagnostics.gaps import filled
from shared.diagnostics.integrals import Pairs, Totals
from shared.diagnostics.missing import InsufficientData, Missing, unseen
from shared.diagnostics.resistance_trend import ResistanceTrend
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.soc import settled
from shared.diagnostics.theil_sen import Estimate
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile, named

_HOT_C, _COLD_C = 45.0, 0.0
_EMPTY, _EMPTY_OVER = 5.0, 7.0
"""% of soc: a deep discharge falls below the first, and has to reach the second before the next one."""


@dataclass(frozen=True, slots=True)
class Cycles:
    """Equivalent full cycles."""

    count: float
    by: str
    """`charge` (Ah over twice the nominal capacity) or `soc` (the sum of its steps)."""
    unobserved: float
    """The part of `count` that is known by soc alone, for want of a current."""


@dataclass(frozen=True, slots=True)
class Passport:
    """Attributes of Regulation (EU) 2023/1542 and DIN DKE SPEC 99100 that readings can give."""

    hours_hot: float | Missing
    """max_temp > 45 °C"""
    hours_cold: float | Missing
    """min_temp < 0 °C"""
    hours_hot_charging: float | Missing
    hours_cold_charging: float | Missing
    deep_discharges: int | Missing
    """Number of times that soc fell below 5 %."""
    cycles: Cycles | Missing
    throughput: Totals
    resistance_growth: Estimate | Missing
    """Growth of the resistance at 25 °C, %, over the span of its trend."""


def passport(
    trace: Trace,
    sessions: Sequence[Session],
    pairs: Pairs,
    trend: ResistanceTrend | Missing,
    profile: Profile,
) -> Passport:
    """Compute the counters; `sessions` and `pairs` are those of the cleaned trace, `trend` may be of a longer
    one.

    Hours are sums over pairs of near readings of the signal; a pair with one end beyond the limit counts
    half. Source: docs/diagnostics.md, Figures.
    """
    charging = np.zeros(max(len(trace) - 1, 0), np.bool_)
    for session in sessions:
        if session.kind is Kind.CHARGE and not session.inferred:
            charging[session.first : session.last] = True
    hot = _Hours("max_temp", trace.max_temp, _hours(trace.ts, trace.max_temp, _HOT_C))
    cold = _Hours("min_temp", trace.min_temp, _hours(trace.ts, -trace.min_temp, -_COLD_C))
    soc = trace.soc[~np.isnan(trace.soc)]
    return Passport(
        hours_hot=_sum(hot),
        hours_cold=_sum(cold),
        hours_hot_charging=_sum(hot, charging),
        hours_cold_charging=_sum(cold, charging),
        deep_discharges=_falls(soc) if len(soc) else unseen("soc", len(trace)),
        cycles=_cycles(filled(trace.ts, trace.soc), pairs, profile),
        throughput=pairs.total(),
        resistance_growth=trend if isinstance(trend, Missing) else trend.growth,
    )


class _Hours(NamedTuple):
    """Hours of one signal beyond a limit, per pair of readings; NaN where either end is unknown."""

    signal: str
    values: Floats
    hours: Floats


def _hours(ts: Floats, signal: Floats, limit: float) -> Floats:
    """Return, per pair of readings, the hours above `limit`."""
    seconds, is_near = np.diff(ts), linked(ts, signal)
    signal = interpolated(ts, signal)
    beyond = np.where(np.isnan(signal), np.nan, signal > limit)
    hours = (beyond[:-1] + beyond[1:]) / 2 * seconds / 3600
    return np.where(is_near, hours, np.nan)


def _sum(beyond: _Hours, pairs: NDArray[np.bool_] | None = None) -> float | Missing:
    if np.isnan(beyond.values).all():
        return unseen(beyond.signal, len(beyond.values))
    chosen = beyond.hours if pairs is None else beyond.hours[pairs]
    # Without any charge the hours of charging are 0, not missing.
    if np.isnan(chosen).all() and (pairs is None or len(chosen)):
        return InsufficientData(f"no two readings near each other have {beyond.signal}")
    return float(np.nansum(chosen))


def _falls(soc: Floats) -> int:
    """Count the falls of soc below 5 % from 7 % or more (the first one: from 5 % or more)."""
    low, high = soc < _EMPTY, soc >= _EMPTY_OVER
    high[0] = not low[0]
    sides = low[low | high].astype(int)
    return int(np.sum(np.diff(sides) > 0))


def _cycles(soc: Floats, pairs: Pairs, profile: Profile) -> Cycles | Missing:
    """Compute (Ah out + Ah in) / (2 * capacity_ah); without a capacity the sum of abs(dS) / 200.

    A soc that alternates by its smallest step does not move. For a pair of readings without a known current,
    as over a gap, abs(dS) / 200 is added: a car that is silent while it charges has charged all the same.
    """
    steps = np.nan_to_num(np.abs(np.diff(settled(soc))))
    unseen = pairs.current_s == 0
    charge = float((pairs.ah_out + pairs.ah_in).sum())
    by_soc = float(steps.sum()) / 200
    if profile.capacity_ah is not None and charge > 0:
        unobserved = float(steps[unseen].sum()) / 200
        return Cycles(charge / (2 * profile.capacity_ah) + unobserved, "charge", unobserved)
    if np.count_nonzero(~np.isnan(soc)) < 2:
        return InsufficientData(
            f"no reading has soc, and there is no current, or no {named('capacity_ah')} in the profile"
        )
    return Cycles(by_soc, "soc", by_soc)
