"""The uncertainty of energies: the power between two readings is not known, and less so the longer it lasts.

All numbers are for 95 of 100 cases. Source: docs/diagnostics.md, Uncertainty.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.between import power_between
from shared.diagnostics.odometer import travelled
from shared.diagnostics.rhythm import near
from shared.diagnostics.trace import Floats, Trace

Squares = NDArray[np.float32]
"""A single digit of a band is enough; half the memory of a year of readings is not."""

_FOLLOWED, _INDEPENDENT = 0.58, 1.4
"""Twice the deviation of a trapezoid as a share of |dP| * dt: where the readings follow the power (a random
walk between them), and where they are independent of each other."""
_INDEPENDENT_S = 10.0
"""Interval from which on two readings of a driving car's power are independent: by real drives [M]."""
_KWH_PER_KM, _KWH_IN_PER_KM = 0.33, 0.1
"""Deviation of a driving car's power over its speed (15 kW at 45 km/h), and of its braking [C]: a lower bound
for readings that happen to be alike."""
_SPEED_S = 60.0
"""Interval from which on a single reading says as little as that bound [C]."""
_USUAL_KWH_PER_KM = 0.25
"""Largest usual consumption: energy of a distance between two readings without a current [C]."""
_AT_ONCE = 65_536
"""Pairs that are computed together: intermediate arrays of a year would take as much memory as the year."""
IDLE_A = 2.0
"""Below it no current of a drive or charge flows."""


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """Parts of the uncertainty, per pair of readings; sum them, then take the root of the squares."""

    out_square: Squares
    """kWh²"""
    in_square: Squares
    net_square: Squares
    out_missed: Squares
    """kWh that may be missing, never too much: a braking within a pair cancels against the pull beside it."""
    in_missed: Squares

    @classmethod
    def of(cls, trace: Trace) -> Self:
        """Compute the parts from neighbouring readings of the current with a known voltage.

        Each part belongs to the last pair of readings before the later one, which is the only pair where both
        signals come in one message.
        """
        power, km = power_between(trace), travelled(trace)
        place = np.flatnonzero(~np.isnan(power) & ~np.isnan(trace.pack_current))
        is_near = near(trace.ts[place])
        parts = np.zeros((len(cls.__dataclass_fields__), max(len(trace) - 1, 0)), np.float32)
        for begin in range(0, max(len(place) - 1, 0), _AT_ONCE):
            here = place[begin : begin + _AT_ONCE + 1]
            parts[:, here[1:] - 1] = _parts(
                np.where(is_near[begin : begin + _AT_ONCE], np.diff(trace.ts[here]), 0.0),
                power[here],
                np.abs(trace.pack_current[here]),
                np.nan_to_num(np.diff(km[here])),
            )
        return cls(*parts)


def _parts(seconds: Floats, kw: Floats, amps: Floats, km: Floats) -> tuple[Floats, ...]:
    """Return the parts over pairs; `seconds` is 0 for pairs whose energy is not counted."""
    hours = seconds / 3600
    share = _FOLLOWED + (_INDEPENDENT - _FOLLOWED) * np.minimum(seconds / _INDEPENDENT_S, 1)
    blind_km = km * np.minimum(seconds / _SPEED_S, 1)

    def square(values: Floats, per_km: float) -> Floats:
        swing: Floats = (share * np.diff(values) * hours) ** 2 + (per_km * blind_km) ** 2
        return swing

    size = np.abs(kw)
    turns = kw[1:] * kw[:-1] < 0
    both = np.where(turns, size[1:] + size[:-1], 1.0)
    cancelled = np.where(turns, size[1:] * size[:-1] / (2 * both) * hours, 0.0)
    idle = np.maximum(amps[1:], amps[:-1]) < IDLE_A
    return (
        square(np.maximum(kw, 0), _KWH_PER_KM),
        square(np.maximum(-kw, 0), _KWH_IN_PER_KM),
        square(kw, _KWH_PER_KM),
        cancelled + np.where(idle, _USUAL_KWH_PER_KM * blind_km, 0.0),
        cancelled,
    )
