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
_INDEPENDENT_S = 30.0
"""Interval from which on two readings of a driving car's power are independent [C]."""
_KWH_PER_KM, _KWH_IN_PER_KM = 0.33, 0.1
"""Deviation of a driving car's power over its speed (15 kW at 45 km/h), and of its braking [C]: a lower bound
for readings that happen to be alike."""
_SPEED_S = 60.0
"""Interval from which on a single reading says as little as that bound [C]."""
_USUAL_KWH_PER_KM = 0.25
"""Largest usual consumption: energy of a distance between two readings without a current [C]."""
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
        power = power_between(trace)
        place = np.flatnonzero(~np.isnan(power) & ~np.isnan(trace.pack_current))
        ts, kw, amps = trace.ts[place], power[place], np.abs(trace.pack_current[place])
        seconds = np.where(near(ts), np.diff(ts), 0.0)
        hours = seconds / 3600
        km = np.nan_to_num(np.diff(travelled(trace)[place])) * (seconds > 0)
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
        parts = (
            square(np.maximum(kw, 0), _KWH_PER_KM),
            square(np.maximum(-kw, 0), _KWH_IN_PER_KM),
            square(kw, _KWH_PER_KM),
            cancelled + np.where(idle, _USUAL_KWH_PER_KM * blind_km, 0.0),
            cancelled,
        )
        return cls(*(_placed(part, place[1:] - 1, len(trace)) for part in parts))


def _placed(values: Floats, pairs: NDArray[np.intp], readings: int) -> Squares:
    result = np.zeros(max(readings - 1, 0), np.float32)
    result[pairs] = values
    return result
