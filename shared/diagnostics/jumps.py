"""The rules SOC_JUMP and SOC_RECALIBRATED: soc changes by more than the current explains."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import Intervals
from shared.diagnostics.masks import Indices, Mask
from shared.diagnostics.rhythm import near
from shared.diagnostics.rule import Code, Rule
from shared.diagnostics.rules import RULES
from shared.diagnostics.soc import GLITCH_READINGS
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile

TOGETHER_S = 60.0
"""Jumps that are at most so far apart are one episode: a glitch is a jump there and back."""


def soc_jump(trace: Trace, profile: Profile) -> Iterator[Episode]:
    """Find neighbours with dt <= 60 s and abs(dS) > 5 and > 2 + 1.5 * the part explained by the current.

    Explained part: 100 * Ah / capacity (trapezoid of the current), 0 for a current in the other direction.
    Pairs without a known current within 60 s of both readings are not evaluated.
    """
    steps = _Steps.of(trace, profile)
    neighbours = np.diff(steps.ts) <= RULES[Code.SOC_JUMP].numbers["longest_interval_s"]
    return _episodes(RULES[Code.SOC_JUMP], steps, steps.unexplained & neighbours & ~steps.recalibrated())


def soc_recalibrated(trace: Trace, profile: Profile) -> Iterator[Episode]:
    """Find such steps that last and lead from 70 % or more to 97 % or more, without a current out.

    Neighbours may be as far apart as the rhythm of soc, for the current at rest changes little.
    """
    steps = _Steps.of(trace, profile)
    return _episodes(RULES[Code.SOC_RECALIBRATED], steps, steps.unexplained & steps.recalibrated())


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """The steps of soc between the readings that have it; `ts` and `soc` have one value more."""

    ts: Floats
    soc: Floats
    step: Floats
    explained: Floats
    """Part of the step that the current explains, at least 0."""
    allowed: Floats
    unexplained: Mask
    """Steps that are larger than allowed, with a known current at both readings."""
    rests: Mask
    """Steps without a current out at both readings."""

    @classmethod
    def of(cls, trace: Trace, profile: Profile) -> Self:
        rule, capacity = RULES[Code.SOC_JUMP], profile.capacity_ah
        assert capacity is not None  # noqa: S101 the rule is skipped without
        known = np.flatnonzero(~np.isnan(trace.soc))
        ts, soc = trace.ts[known], trace.soc[known]
        step = np.round(np.diff(soc), 6)
        charge, current, distance = _charge_out(trace, ts)
        explained = np.maximum(-np.diff(charge) / capacity * 100 * np.sign(step), 0.0) + 0.0
        allowed = np.maximum(
            rule.levels[0].set,
            rule.numbers["unexplained_percent"] + rule.numbers["explained_factor"] * explained,
        )
        certain = distance <= rule.numbers["longest_interval_s"]
        return cls(
            ts,
            soc,
            step,
            explained,
            allowed,
            certain[1:] & certain[:-1] & (np.abs(step) > allowed),
            np.maximum(current[1:], current[:-1]) <= RULES[Code.SOC_RECALIBRATED].numbers["most_a_out"],
        )

    def recalibrated(self) -> Mask:
        """Return which unexplained steps lead to a full battery that stays so."""
        numbers = RULES[Code.SOC_RECALIBRATED].numbers
        found = self.unexplained & self.rests & (self.step > 0)
        found &= (self.soc[:-1] >= numbers["least_before_percent"]) & (
            self.soc[1:] >= numbers["least_after_percent"]
        )
        if not found.any():
            return found
        found &= near(self.ts, TOGETHER_S)
        for place in np.flatnonzero(found).tolist():
            later = self.soc[place + 1 : place + 2 + GLITCH_READINGS]
            found[place] = later.min() > self.soc[place] + self.step[place] / 2
        return found


def _episodes(rule: Rule, steps: _Steps, which: Mask) -> Iterator[Episode]:
    ts, soc, step = steps.ts, steps.soc, steps.step
    explained, allowed = steps.explained, steps.allowed
    jumps = np.flatnonzero(which) + 1
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


def _charge_out(trace: Trace, ts: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the Ah that had flowed out by each of `ts`, the current (A), and how far its reading is (s)."""
    known = np.flatnonzero(~np.isnan(trace.pack_current))
    at, current = trace.ts[known], trace.pack_current[known]
    if not len(at):
        return np.zeros(len(ts)), np.zeros(len(ts)), np.full(len(ts), np.inf)
    pieces = np.diff(at) * (current[1:] + current[:-1]) / 2 / 3600
    flowed = np.interp(ts, at, np.concatenate(([0.0], np.cumsum(pieces))))
    after = np.minimum(np.searchsorted(at, ts), len(at) - 1)
    before = np.maximum(np.searchsorted(at, ts, "right") - 1, 0)
    distance = np.minimum(np.abs(at[after] - ts), np.abs(ts - at[before]))
    return flowed, np.interp(ts, at, current), distance
