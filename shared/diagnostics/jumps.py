"""The rule SOC_JUMP: the state of charge changes by more than the current explains."""

from collections.abc import Iterator

import numpy as np

from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import Intervals
from shared.diagnostics.masks import Indices
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile

TOGETHER_S = 60.0
"""Jumps that are at most so far apart are one episode: a glitch is a jump there and back."""


def soc_jump(trace: Trace, profile: Profile) -> Iterator[Episode]:
    """Find neighbours with dt <= 60 s and abs(dS) > 5 and > 2 + 1.5 * the part explained by the current.

    Explained part: 100 * Ah / capacity (trapezoid of the current), 0 for a current in the other direction.
    Pairs without a known current within 60 s of both readings are not evaluated.
    """
    rule = RULES[Code.SOC_JUMP]
    capacity = profile.capacity_ah
    assert capacity is not None  # noqa: S101 the rule is skipped without
    known = np.flatnonzero(~np.isnan(trace.soc))
    ts, soc = trace.ts[known], trace.soc[known]
    if len(ts) < 2:
        return
    step = np.round(np.diff(soc), 6)
    charge, certain = _charge_out(trace, ts, rule.numbers["longest_interval_s"])
    explained = np.maximum(-np.diff(charge) / capacity * 100 * np.sign(step), 0.0)
    allowed = np.maximum(
        rule.levels[0].set,
        rule.numbers["unexplained_percent"] + rule.numbers["explained_factor"] * explained,
    )
    near = np.diff(ts) <= rule.numbers["longest_interval_s"]
    jumps = np.flatnonzero(near & certain[1:] & certain[:-1] & (np.abs(step) > allowed)) + 1
    size = np.zeros(len(ts))
    size[jumps] = np.abs(step[jumps - 1])
    for interval in together(ts, jumps):
        top = interval.top(size)
        yield compose(
            rule,
            ts,
            interval,
            peak_at=top,
            peak=step[top - 1],
            threshold=allowed[top - 1],
            window_s=ts[top] - ts[top - 1],
            detail=f"State of charge: from {soc[top - 1]:.6g} % at {clock(ts[top - 1])} to"
            f" {soc[top]:.6g} % at {clock(ts[top])}; the current explains"
            f" {explained[top - 1]:.3g} %, allowed are {allowed[top - 1]:.3g} %.",
        )


def together(ts: Floats, places: Indices) -> Intervals:
    """Merge `places` within TOGETHER_S of the one before into intervals, each ended by its last one."""
    apart = np.diff(ts[places]) > TOGETHER_S
    edge = np.ones(min(len(places), 1), np.bool_)
    first, last = places[np.concatenate((edge, apart))], places[np.concatenate((apart, edge))]
    return Intervals(first, last, last)


def _charge_out(trace: Trace, ts: Floats, longest_s: float) -> tuple[Floats, np.ndarray]:
    """Return the Ah that had flowed out by each of `ts`, and where a current is known within `longest_s`."""
    known = np.flatnonzero(~np.isnan(trace.pack_current))
    at, current = trace.ts[known], trace.pack_current[known]
    if not len(at):
        return np.zeros(len(ts)), np.zeros(len(ts), np.bool_)
    pieces = np.diff(at) * (current[1:] + current[:-1]) / 2 / 3600
    flowed = np.interp(ts, at, np.concatenate(([0.0], np.cumsum(pieces))))
    after = np.minimum(np.searchsorted(at, ts), len(at) - 1)
    before = np.maximum(np.searchsorted(at, ts, "right") - 1, 0)
    return flowed, np.minimum(np.abs(at[after] - ts), np.abs(ts - at[before])) <= longest_s
