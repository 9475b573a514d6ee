"""Energy out of a parked vehicle: into a house, a grid, a device, or a heater."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.diagnostics.charging import CHARGED, Span
from shared.diagnostics.flows import Flow, Groups
from shared.diagnostics.masks import Indices, Mask
from shared.diagnostics.odometer import known_in_block
from shared.diagnostics.odometer_steps import COARSE_KM, resolution_km
from shared.diagnostics.session import Course
from shared.diagnostics.soc_rises import Changes
from shared.vehicle_profile import Profile

_LEAST_A = 5.0
_LEAST_S = 120.0
_COARSE_S = 600.0
"""For an odometer of coarse steps: longer than a standstill in traffic [C]."""
_SURE_S = 900.0
"""From this on a steady current is no part of the drive beside it [C]."""
_BRAKING_A = 2.0
_NOISE_A, _NOISE_SHARE = 5.0, 0.2
"""Largest deviation of the current, and its share of the current: a house's load varies, that of a drive by
13 A and more [M]."""


@dataclass(frozen=True, slots=True)
class Discharges:
    """Spans that are no drive, and spans that are a discharge unless they belong to a drive beside them."""

    sure: list[Span]
    likely: list[Span]


def discharge_spans(course: Course, found: Changes, profile: Profile, closed: Sequence[Span]) -> Discharges:
    """Find discharges: >= 5 A, 1 kW or 0.1 C out of a vehicle whose odometer stands still, for 120 s.

    The odometer is known before and after. One of steps from 0.5 km on may stand still while the vehicle
    drives slowly: it takes a current without a pause that does not go on over a step, as steady as a
    charger's or for 600 s. No current flows in, soc does not rise by 3 %, and the current is steadier than on
    a drive. `closed`: spans that can't be discharges.
    """
    trace = course.trace
    if len(trace) < 2:
        return Discharges([], [])
    flow = Flow.of(trace, 1)
    flowing = flow.strong(profile, _LEAST_A)
    still = standstills(course)
    for first, last in closed:
        still[first:last] = False
    if not flowing.any() or not still.any():
        return Discharges([], [])
    moved = np.concatenate(([0], np.cumsum(~still)))[flow.place]
    # A reading of the time before or after the standstill may be one of driving.
    split = np.diff(moved) > 0
    inward = np.concatenate(([0], np.cumsum(flow.amps <= -_BRAKING_A)))

    def no_braking(before: Indices, after: Indices) -> Mask:
        none: Mask = inward[after] == inward[before]
        return none

    groups = Groups.of(flow, flowing, split, no_braking)
    if not len(groups.first):
        return Discharges([], [])
    begins, ends = flow.place[groups.first], flow.place[groups.last]
    kept = (groups.flow_s >= _LEAST_S) & ~(found.soc[ends] - found.soc[begins] >= CHARGED)
    kept &= ~(groups.noise > _NOISE_A + _NOISE_SHARE * groups.amps)
    if is_coarse(course):
        steps = split & flowing[1:] & flowing[:-1]
        kept &= groups.single & ~np.append(False, steps)[groups.first] & ~np.append(steps, False)[groups.last]
        kept &= groups.is_steady | (groups.flow_s >= _COARSE_S)
    # A drive that no odometer shows is concluded from such a current alone.
    sure = kept & ((groups.flow_s >= _SURE_S) | ~known_in_block(trace)[begins])
    spans = list(zip(begins.tolist(), ends.tolist(), strict=True))
    return Discharges(
        [spans[number] for number in np.flatnonzero(sure).tolist()],
        [spans[number] for number in np.flatnonzero(kept & ~sure).tolist()],
    )


def apart(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Return those of `spans` that share no pair of readings with `others`, which are in order of time."""
    ends = np.array([last for _, last in others], np.intp)
    begins = np.array([*(first for first, _ in others), np.iinfo(np.intp).max], np.intp)
    return [(first, last) for first, last in spans if begins[np.searchsorted(ends, first, "right")] >= last]


def standstills(course: Course) -> Mask:
    """Return over which pairs of readings the odometer, known before and after, stands still."""
    known = np.flatnonzero(course.trace.odo_km > 0)
    still = np.zeros(max(len(course.trace) - 1, 0), np.bool_)
    if len(known) > 1:
        still[known[0] : known[-1]] = np.diff(course.km)[known[0] : known[-1]] == 0
    return still


def is_coarse(course: Course) -> bool:
    """Return whether the odometer moves by steps from 0.5 km on, and may stand still on a slow drive."""
    return bool(course.km[-1] > 0) and resolution_km(course.trace.odo_km) >= COARSE_KM
