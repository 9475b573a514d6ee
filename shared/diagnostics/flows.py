"""Stretches of current in one direction, joined across pauses: how long, how strong and how steady."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.diagnostics.between import voltage_between
from shared.diagnostics.masks import Indices, Mask
from shared.diagnostics.rhythm import gaps, longest_silences
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile

PAUSE_S = 900.0
"""Longest pause of a charger that belongs to one charge: a cloud over a solar roof [C]."""
_LEAST_KW = 1.0
"""A plug of 230 V and 6 A gives 1.4 kW, of which over 1 kW reach the battery."""
_SMALL_C = 0.1
"""Of a small pack such a share of its capacity an hour is enough: a scooter is charged with 2 A [C]."""
FLOOR_A = 0.3
"""Less may be the noise of the sensor [C]."""
_CHUNK_S = 60.0
_CHUNK_READINGS = 4
"""A current is steady or not within a minute, or four readings of a slower source [C]."""
_NOISE_A, _NOISE_SHARE = 1.0, 0.1
"""Largest deviation of a charger's current, and its share of the current: 0.25 to 1.1 A on six real charges,
13 to 20 A on four real descents [M]."""


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """The current in one direction, at the readings that have a current."""

    place: Indices
    """Indexes of these readings in the trace."""
    ts: Floats
    amps: Floats
    """A, positive in the direction."""
    kw: Floats
    """The same; NaN where the voltage is unknown."""
    silent: Mask
    """Which neighbours among them have a gap between them."""

    @classmethod
    def of(cls, trace: Trace, sign: int) -> Self:
        """Collect the readings with a current; `sign` -1: positive = into the battery."""
        place = np.flatnonzero(~np.isnan(trace.pack_current))
        ts, amps = trace.ts[place], sign * trace.pack_current[place]
        return cls(place, ts, amps, voltage_between(trace)[place] * amps / 1000, gaps(ts))

    def strong(self, profile: Profile, least_a: float) -> Mask:
        """Return where `least_a` flow, or 1 kW, or a tenth of a small pack in an hour.

        A fuller profile only adds readings.
        """
        amps, kw = least_a, _LEAST_KW
        if profile.capacity_ah is not None:
            amps = min(amps, max(FLOOR_A, round(_SMALL_C * profile.capacity_ah, 9)))
        if profile.energy_kwh is not None:
            kw = min(kw, round(_SMALL_C * profile.energy_kwh, 9))
        # A smaller current may be noise, at any voltage.
        return (self.amps >= amps) | ((self.kw >= kw) & (self.amps >= FLOOR_A))

    def means_between(self, before: Indices, after: Indices) -> Floats:
        """Return the mean currents (A) between two readings, both excluded; 0 where there is no reading."""
        so_far = np.concatenate(([0.0], np.cumsum(self.amps)))
        means: Floats = (so_far[after] - so_far[before + 1]) / np.maximum(after - before - 1, 1)
        return means

    def short_pauses(self, before: Indices, after: Indices, longest_s: float = PAUSE_S) -> Mask:
        """Return which pauses are short: below `longest_s`, or within the rhythm; and without a gap."""
        pause = self.ts[after] - self.ts[before]
        silences = np.concatenate(([0], np.cumsum(self.silent)))
        result: Mask = pause < longest_s
        long = np.flatnonzero(~result)
        limits = longest_silences(self.ts, before[long], longest_s)
        result[long] = (limits > longest_s) & (pause[long] <= limits)
        result &= silences[after] == silences[before]
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Stretches of flow, joined across pauses, by the index of a reading among those with a current."""

    first: Indices
    last: Indices
    flow_s: Floats
    """Seconds of flow: between flowing readings, and half the way to a pause within the group."""
    readings: Indices
    """Number of flowing readings."""
    amps: Floats
    """Their mean, A."""
    noise: Floats
    """Median deviation (A) of the current from a straight line over a minute or four readings; NaN where
    there are fewer readings."""
    single: Mask
    """Without a pause inside."""

    @property
    def is_steady(self) -> Mask:
        """Groups with a current as steady as a charger's; False where there are too few readings."""
        steady: Mask = self.noise <= _NOISE_A + _NOISE_SHARE * self.amps
        return steady

    @property
    def is_unsteady(self) -> Mask:
        """Groups with a less steady current; False where there are too few readings."""
        unsteady: Mask = self.noise > _NOISE_A + _NOISE_SHARE * self.amps
        return unsteady

    @classmethod
    def of(
        cls, flow: Flow, flowing: Mask, split: Mask, joins: Callable[[Indices, Indices], Mask] | None = None
    ) -> Self:
        """Join the stretches of `flowing` readings; no stretch and no group reaches over a `split` pair.

        `joins` returns which short pauses, from the one reading to the other, join their two sides; None:
        all of them.
        """
        at = np.flatnonzero(flowing)
        splits = np.concatenate(([0], np.cumsum(split | flow.silent)))
        edges = np.flatnonzero((np.diff(at) > 1) | (np.diff(splits[at]) > 0))
        begin, end = np.append(0, edges + 1)[: len(at)], np.append(edges, len(at) - 1)[: len(at)]
        first, last = at[begin], at[end]
        before, after = last[:-1], first[1:]
        joined = flow.short_pauses(before, after) & (splits[after] == splits[before])
        if joins is not None:
            joined &= joins(before, after)
        number = np.concatenate(([0], np.cumsum(~joined)))[: len(first)]
        heads = np.flatnonzero(np.diff(number, prepend=-1))
        tails = np.append(heads[1:], len(first))[: len(heads)] - 1
        seconds: Floats = flow.ts[last] - flow.ts[first]
        edge_s = (flow.ts[before + 1] - flow.ts[before] + flow.ts[after] - flow.ts[after - 1]) / 2
        seconds[:-1] += np.where(joined, edge_s, 0.0)
        readings = end - begin + 1
        group = np.repeat(number, readings)
        count = np.bincount(group, minlength=len(heads))
        total = np.bincount(group, weights=flow.amps[at], minlength=len(heads))
        return cls(
            first[heads],
            last[tails],
            np.bincount(number, weights=seconds, minlength=len(heads)).astype(np.float64),
            count,
            total / np.maximum(count, 1),
            _noise(flow.ts[at], flow.amps[at], np.repeat(begin, readings), group, len(heads)),
            heads == tails,
        )


def _noise(ts: Floats, amps: Floats, begin: Indices, group: Indices, groups: int) -> Floats:
    """Return the noise of each group; `begin` and `group`: of each reading, its stretch's first reading."""
    number = np.minimum((ts - ts[begin]) // _CHUNK_S, (np.arange(len(ts)) - begin) // _CHUNK_READINGS)
    heads = np.flatnonzero((np.diff(begin, prepend=-1) != 0) | (np.diff(number, prepend=-1) != 0))
    noise = np.full(groups, np.nan)
    if not len(heads):
        return noise
    count = np.diff(np.append(heads, len(ts)))
    seconds, rest = (
        each - np.repeat(np.add.reduceat(each, heads) / count, count) for each in (ts - ts[0], amps)
    )
    spread, slope, square = (np.add.reduceat(each, heads) for each in (seconds**2, seconds * rest, rest**2))
    enough = count >= _CHUNK_READINGS
    left = square[enough] - slope[enough] ** 2 / spread[enough]
    deviation = np.sqrt(np.maximum(left, 0) / (count[enough] - 2))
    of_group = group[heads[enough]]
    order = np.lexsort((deviation, of_group))
    sizes = np.bincount(of_group, minlength=groups)
    known = np.flatnonzero(sizes)
    middle = (np.cumsum(sizes) - sizes + sizes // 2)[known]
    noise[known] = deviation[order[middle]]
    return noise
