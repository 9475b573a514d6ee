"""Evidence on the sign of the current, besides the energy of driving: the soc, and the voltage under load."""

from dataclasses import dataclass

import numpy as np

from shared.diagnostics.between import current_between, linked
from shared.diagnostics.days import DAY_S
from shared.diagnostics.masks import Indices, Mask
from shared.diagnostics.odometer import last_known
from shared.diagnostics.rhythm import PAIR_S, near
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats, Trace

_NUMBERS = RULES[Code.SIGN_SUSPECT].numbers
_LEAST_PULSES = 10
_LEAST_PULSE_A = 10.0
_EVEN_SHARE = 0.2
_LEAST_SHARE = 1 / 3
"""Least share of a change of soc that the charge explains, where the capacity is known [C]."""


@dataclass(frozen=True, slots=True, eq=False)
class SocAgreement:
    """Changes of soc over which the current is known, in order of time."""

    first: Indices
    """Reading at the beginning of each change, by index in the trace."""
    last: Indices
    day: Floats
    """Day of its end, since 1970."""
    percent: Floats
    """Its size, at least 0."""
    ah: Floats
    """Charge that flowed out meanwhile."""
    against: Mask
    """Charge flowed out while soc rose, or in while soc fell."""

    @classmethod
    def of(cls, trace: Trace, capacity_ah: float | None) -> "SocAgreement":
        """Find steps of at most 2 % (a larger one may be a correction), at 2 A or more on average.

        Where a charger is fast for the rhythm of soc, a larger step counts if the capacity is known. Then the
        charge has to explain a third of any step. Readings over 60 s apart show a drive's current by chance:
        there the odometer has to stand still, or without one the current, to within a fifth.
        """
        known = np.flatnonzero(~np.isnan(trace.soc))
        soc = np.round(trace.soc[known], 6)
        changes = known[np.flatnonzero(np.diff(soc, prepend=np.nan) != 0)]
        current = current_between(trace)
        usable = linked(trace.ts, trace.pack_current)
        seconds = np.diff(trace.ts)
        pieces = np.where(usable, seconds * (current[1:] + current[:-1]) / 7200, 0.0)
        charge = np.concatenate(([0.0], np.cumsum(pieces)))
        unknown = np.concatenate(([0], np.cumsum(~usable)))
        first, last = changes[:-1], changes[1:]
        step = np.diff(trace.soc[changes])
        ah, length = charge[last] - charge[first], trace.ts[last] - trace.ts[first]
        size = np.round(np.abs(step), 6)
        counts = (unknown[last] == unknown[first]) & (np.abs(ah) * 3600 >= _NUMBERS["least_a"] * length)
        small = size <= _NUMBERS["largest_step_percent"]
        if capacity_ah is None:
            counts &= small
        else:
            share = np.abs(ah) / capacity_ah * 100 / np.maximum(size, 1e-6)
            counts &= share >= _LEAST_SHARE
        counts &= _is_steady(trace, current, first, last)
        first, last, ah, size, step = (each[counts] for each in (first, last, ah, size, step))
        return cls(first, last, trace.ts[last] // DAY_S, size, ah, ah * step > 0)

    def of_days(self, days: Floats) -> tuple[Floats, Floats]:
        """Return, for each of these days, the % of soc against the current and with it."""
        place = np.searchsorted(days, self.day)
        inside = place < len(days)
        inside[inside] = days[place[inside]] == self.day[inside]
        against, agreed = (
            np.bincount(place[mask], self.percent[mask], len(days)).astype(float)
            for mask in (inside & self.against, inside & ~self.against)
        )
        return against, agreed


def _is_steady(trace: Trace, current: Floats, first: Indices, last: Indices) -> Mask:
    """Return whether the readings are close enough for the current between them, which changes on a drive."""
    slow = np.concatenate(([0], np.cumsum(np.diff(trace.ts) > PAIR_S)))
    odo = last_known(trace)
    still = odo[last] == odo[first]
    one, other = current[first], current[last]
    even = np.isnan(odo[last]) & (np.abs(one - other) <= _EVEN_SHARE * np.maximum(np.abs(one), np.abs(other)))
    steady: Mask = (slow[last] == slow[first]) | still | even
    return steady


def acquitting_days(trace: Trace) -> Floats:
    """Return the days on which the voltage falls when the current rises, as under a load: -dV/dI > 0.

    At least 10 pulses of 10 A between near neighbours, and a correlation of dV and dI of -0.5 or less.
    """
    known = np.flatnonzero(~np.isnan(trace.pack_voltage + trace.pack_current))
    ts, volts, amps = trace.ts[known], np.diff(trace.pack_voltage[known]), np.diff(trace.pack_current[known])
    pulses = near(ts) & (np.abs(amps) >= _LEAST_PULSE_A)
    volts, amps, day = volts[pulses], amps[pulses], ts[1:][pulses] // DAY_S
    days, begins = np.unique(day, return_index=True)
    if not len(days):
        return days
    count = np.diff(np.append(begins, len(day)))
    products, amps_square, volts_square = (
        np.add.reduceat(each, begins) for each in (volts * amps, amps * amps, volts * volts)
    )
    correlation = products / np.sqrt(np.maximum(amps_square * volts_square, 1e-12))
    acquits = (count >= _LEAST_PULSES) & (correlation <= -_NUMBERS["acquitting_correlation"])
    acquitted: Floats = days[acquits]
    return acquitted
