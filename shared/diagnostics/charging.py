"""Charges of a vehicle: one definition for both sessions and rules."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.diagnostics.flows import FLOOR_A, PAUSE_S, Flow, Groups
from shared.diagnostics.masks import Indices, Mask, last_true, runs
from shared.diagnostics.odometer import MOVED_KM, known_distance
from shared.diagnostics.odometer_steps import COARSE_KM, resolution_km
from shared.diagnostics.rhythm import GAP_S
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile

Span = tuple[int, int]
"""Indices of the first and the last reading."""

CHARGED = 3.0
"""% of soc from which on a rise is a charge."""
_LEAST_A = 2.0
_STEADY_S = 120.0
_STEADY_S_PER_KM = 300.0
"""At 20 km/h downhill an odometer of whole km stands still for 180 s; for 300 s only below 12 km/h [C]."""
_STEADY_BLIND_S = 600.0
"""For an unknown odometer, where the vehicle may move: longer than any braking [C]."""
_UNSTEADY_BLIND_S = 1800.0
_MOVING_S = 3600.0
"""For a current between two steps of an odometer: a generator may charge while the car drives [C]."""
_BLIND_READINGS = 4
"""Least readings of a charge without an odometer: a quarter of a drive's readings may be braking [C]."""
_DRIVING_A = 5.0
"""Average over a pause above which the vehicle has driven off [C]."""
_HEATING_A = 10.0
"""The same where the odometer stands still, and the current may be that of a heater [C]."""
_RESTING_A = 2.0
"""Average over a pause up to which the vehicle has not moved meanwhile, by its current alone [C]."""
_BESIDE_S = 60.0
"""Time before and after a charge in which a pull shows that the vehicle drives [C]."""
_BRAKING_S = 60.0
"""A shorter stretch beside a step of the odometer is braking, and no part of a charge [C]."""
_OFFSET_A, _OFFSET_AH = 6.0, 15.0
"""A current so small that has brought so much charge, 5 % of 300 Ah, but no rise of soc is an offset [C]."""
_OFFSET_SHARE = 0.05
_FULL = 99.0


def charge_spans(trace: Trace, profile: Profile) -> list[Span]:
    """Find charges: >= 2 A, 1 kW or 0.1 C into a battery that stands still, or less while soc rises by 3 %.

    A charge has 120 s of such a current with the odometer known and unchanged. Without an odometer, or with
    one of steps from 0.5 km on, the time is longer, and the current is steady: see `_lasting`. Pauses of up
    to 15 minutes (or within the rhythm of a slower source) belong to a charge as long as the odometer stands
    still; up to 300 s, to 0.2 km from the beginning. A pause with over 10 A out on average ends the charge;
    with over 5 A, where the odometer does not tell.
    Source: docs/diagnostics.md, Sessions.
    """
    flow = Flow.of(trace, -1)
    if not (flow.amps >= FLOOR_A).any():
        return []
    place = _Place.of(trace, flow)
    found = _found(flow, place, flow.strong(profile, _LEAST_A), profile, [])
    soc = place.soc[~np.isnan(place.soc)]
    # Without a rise of soc there is no charge of less current: few traces need the second search.
    if len(soc) and soc.max() - soc.min() >= CHARGED:
        found = sorted([*found, *_found(flow, place, flow.amps >= FLOOR_A, profile, found, by_soc=True)])
    return [(int(flow.place[first]), int(flow.place[last])) for first, last in found]


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Odometer and soc at the readings that have a current."""

    km: Floats
    """Distance as known by then."""
    known_at: Floats
    """Time of the last known odometer (s since 1970); -inf before the first one."""
    step_km: float
    """Resolution of the odometer; 0 where it never moves."""
    soc: Floats
    """%, the last known one."""

    @classmethod
    def of(cls, trace: Trace, flow: Flow) -> Self:
        km, known_at = known_distance(trace)
        step_km = resolution_km(trace.odo_km) if km[-1] > 0 else 0.0
        known = last_true(~np.isnan(trace.soc))[flow.place]
        soc = np.where(known >= 0, trace.soc[known], np.nan)
        return cls(km[flow.place], known_at[flow.place], step_km, soc)

    @property
    def is_coarse(self) -> bool:
        return self.step_km >= COARSE_KM

    def tells(self, ts: Floats, before: Indices, after: Indices) -> Mask:
        """Return between which readings the odometer shows whether the car has moved."""
        shown: Mask = self.known_at[after] > ts[before]
        return shown & (not self.is_coarse)


def _found(
    flow: Flow, place: _Place, flowing: Mask, profile: Profile, closed: list[Span], *, by_soc: bool = False
) -> list[Span]:
    """Return charges outside `closed`, by the indexes of readings with a current.

    `by_soc`: only those whose soc rises.
    """
    moved = np.diff(place.km) != 0
    barred, flowing = np.zeros(len(moved), np.bool_), flowing.copy()
    for first, last in closed:
        barred[first:last], flowing[first : last + 1] = True, False
    charges_before = np.concatenate(([0], np.cumsum(barred)))

    def rests(before: Indices, after: Indices) -> Mask:
        resting: Mask = -flow.means_between(before, after) <= _RESTING_A
        return resting

    groups = Groups.of(flow, flowing & ~_brakings(flow, place, flowing, moved), moved | barred, rests)
    if not len(groups.first):
        return []
    charges = _lasting(flow, place, groups, flowing)
    charges &= _explained(place, groups, profile)
    if by_soc:
        charges &= _rising(place, groups)
    before, after = groups.last[:-1], groups.first[1:]
    way = place.km[after] != place.km[before]
    goes_on = np.where(
        way, flow.short_pauses(before, after, GAP_S), flow.short_pauses(before, after, PAUSE_S)
    )
    goes_on &= -flow.means_between(before, after) <= np.where(
        place.tells(flow.ts, before, after), _HEATING_A, _DRIVING_A
    )
    goes_on &= charges_before[after] == charges_before[before]
    stops = _stops(np.flatnonzero(charges), goes_on, place.km[groups.first])
    return [(int(groups.first[one]), int(groups.last[other])) for one, other in stops]


def _brakings(flow: Flow, place: _Place, flowing: Mask, moved: Mask) -> Mask:
    """Return the readings of stretches under 60 s beside a step of the odometer: the car may drive."""
    begins, stops = runs(flowing)
    steps = np.flatnonzero(moved)
    if not len(begins) or not len(steps):
        return np.zeros(len(flowing), np.bool_)
    ts, limit = flow.ts, max(GAP_S, _STEADY_S_PER_KM * place.step_km)
    following = np.searchsorted(steps, begins)
    before = ts[begins] - ts[steps[np.maximum(following - 1, 0)] + 1]
    after = ts[steps[np.minimum(following, len(steps) - 1)]] - ts[stops - 1]
    near = ((following > 0) & (before < limit)) | ((following < len(steps)) & (after < limit))
    near &= ts[stops - 1] - ts[begins] < _BRAKING_S
    braking = np.zeros(len(flowing) + 1, np.int8)
    braking[begins[near]] += 1
    braking[stops[near]] -= 1
    return np.cumsum(braking)[:-1] > 0


def _lasting(flow: Flow, place: _Place, groups: Groups, flowing: Mask) -> Mask:
    """Return which groups last long enough for a charge.

    120 s with a known odometer; with a coarse one 300 s a km, or 120 s of a steady current that neither
    begins nor ends beside a pull; 600 s without. An unsteady current, as of braking, takes 600 s, or without
    an odometer half an hour. A current that goes on over a step of the odometer flows while driving. Up to
    three readings beside a pull are braking.
    """
    moved = np.diff(place.km) != 0
    steps = moved & flowing[1:] & flowing[:-1]
    first, last = groups.first, groups.last
    known = place.known_at[np.isfinite(place.known_at)]
    since = np.maximum(flow.ts[first], known[0] if len(known) else np.inf)
    known_s = np.minimum(place.known_at[last] - since, groups.flow_s)
    unsteady = groups.is_unsteady
    per_km = max(_STEADY_S, _STEADY_S_PER_KM * place.step_km)
    blind_s = np.where(unsteady, _UNSTEADY_BLIND_S, _STEADY_BLIND_S)
    least = np.where(unsteady, max(_STEADY_BLIND_S, 2 * per_km), per_km)
    if place.is_coarse:
        begins, ends = np.append(False, steps)[first], np.append(steps, False)[last]
        calm = groups.single & ~begins & ~ends & ~_beside_a_pull(flow, first, last, flow.silent)
        least = np.where(groups.is_steady & calm, _STEADY_S, least)
        sides = begins.astype(int) + ends
        least = np.choose(sides, [least, np.maximum(least, _STEADY_BLIND_S), _MOVING_S])
        blind_s = np.maximum(blind_s, least)
    told: Mask = place.known_at[last] > flow.ts[first]
    soc = place.soc
    fills = (groups.readings >= _BLIND_READINGS) & ~(soc[last] < soc[first])
    lasting = (told & (known_s >= least)) | ((groups.flow_s >= blind_s) & (told | fills))
    # An odometer that stands still beside a pull may be one that shows the distance later.
    stale = np.isnan(groups.noise) & _beside_a_pull(flow, first, last, flow.silent | moved)
    return lasting & ~stale


def _beside_a_pull(flow: Flow, first: Indices, last: Indices, hidden: Mask) -> Mask:
    """Return which stretches have over 5 A out on average in the minute, or the reading, before or after.

    `hidden`: pairs of readings with another state beyond them.
    """
    so_far = np.concatenate(([0.0], np.cumsum(flow.amps)))
    earlier = np.minimum(np.searchsorted(flow.ts, flow.ts[first] - _BESIDE_S), first - 1)
    later = np.maximum(np.searchsorted(flow.ts, flow.ts[last] + _BESIDE_S, "right"), last + 2)
    alone_before, alone_after = np.append(True, hidden)[first], np.append(hidden, True)[last]
    earlier = np.where(alone_before, first, np.maximum(earlier, 0))
    later = np.where(alone_after, last + 1, np.minimum(later, len(flow.ts)))
    before = (so_far[first] - so_far[earlier]) / np.maximum(first - earlier, 1)
    after = (so_far[later] - so_far[last + 1]) / np.maximum(later - last - 1, 1)
    beside: Mask = np.minimum(before, after) < -_DRIVING_A
    return beside


def _explained(place: _Place, groups: Groups, profile: Profile) -> Mask:
    """Return which groups soc does not contradict: by a fall, or by no rise at all over a long time.

    A current below 6 A that has brought 5 % of the capacity, taken as 300 Ah at least, is then the offset of
    a sensor.
    """
    rise = place.soc[groups.last] - place.soc[groups.first]
    least_ah = max(_OFFSET_AH, _OFFSET_SHARE * (profile.capacity_ah or 0.0))
    offset = (groups.amps < _OFFSET_A) & (groups.amps * groups.flow_s / 3600 >= least_ah)
    flat: Mask = (rise <= 0) & (place.soc[groups.last] < _FULL) & offset
    return ~flat & ~(rise <= -CHARGED)


def _rising(place: _Place, groups: Groups) -> Mask:
    """Return over which groups soc rises by 3 %, and by half of that without its largest step.

    A step alone may be a correction.
    """
    rise = np.round(place.soc[groups.last] - place.soc[groups.first], 6)
    result: Mask = rise >= CHARGED
    for one in np.flatnonzero(result).tolist():
        steps = np.diff(place.soc[groups.first[one] : groups.last[one] + 1])
        result[one] = rise[one] - steps.max() >= CHARGED / 2
    return result


def _stops(steady: Indices, goes_on: Mask, km: Floats) -> list[Span]:
    """Return the first and last group of each charge, which continues from a lasting one within 0.2 km."""
    last_of_row = np.flatnonzero(np.append(~goes_on, True))
    found: list[Span] = []
    number = 0
    while number < len(steady):
        start = int(steady[number])
        # Half of the last digit less, so that 0.2 km is reached despite its binary representation.
        near = int(np.searchsorted(km, km[start] + MOVED_KM - 5e-7)) - 1
        stop = min(near, int(last_of_row[np.searchsorted(last_of_row, start)]))
        found.append((start, stop))
        number = int(np.searchsorted(steady, stop, "right"))
    return found
