"""Silences over which a car drove: by its soc alone, or with a charge that no reading shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.diagnostics.masks import Mask
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.trace import Floats

_LEAST_PERCENT_PER_KM = 0.05
"""No vehicle drives 2,000 km with one charge [C]."""
_LEAST_KWH_PER_KM = 0.02
"""A scooter takes 0.03 [C]. Not the usual consumption of the trace: a session's kind depends on no window."""
_TOLERANCE = 2.0
"""% of soc: short drives may lead downhill, and soc may be of whole %."""
_KNOWN_KM = 20.0
"""Distance from which on the drives of a trace show the usual consumption [C]."""
_LEAST_COVERAGE = 0.9


def charged_too(km: Floats, rise: Floats, energy_kwh: float | None) -> Mask:
    """Return where soc (%, NaN: unknown) fell by less than the distance takes, or no pack holds as much."""
    by_energy = 100 * _LEAST_KWH_PER_KM / energy_kwh if energy_kwh else 0.0
    least = km * max(_LEAST_PERCENT_PER_KM, by_energy)
    known = ~np.isnan(rise)
    charged: Mask = (least > 100) | (known & (-np.where(known, rise, 0.0) < least - _TOLERANCE))
    return charged


@dataclass(frozen=True, slots=True)
class Usage:
    """The usual consumption of a vehicle, from its drives; 0 or None where they don't tell."""

    percent_per_km: float
    """Fall of soc"""
    kwh_per_km: float | None

    @classmethod
    def of(cls, sessions: Sequence[Session]) -> Self:
        """Compute the usual consumption from observed drives of at least 20 km together."""
        drives = [each for each in sessions if each.kind is Kind.DRIVE and not each.inferred]
        falls = [
            (each.km, each.soc_from - each.soc_to)
            for each in drives
            if each.km and each.soc_from is not None and each.soc_to is not None
        ]
        energies = [
            (each.km, each.kwh_out - each.kwh_in)
            for each in drives
            if each.km
            and each.kwh_out is not None
            and each.kwh_in is not None
            and each.coverage >= _LEAST_COVERAGE
        ]
        kwh_per_km = _ratio(energies)
        return cls(max(0.0, _ratio(falls) or 0.0), kwh_per_km if kwh_per_km and kwh_per_km > 0 else None)

    def least_kwh_in(self, km: float | None, rise_kwh: float | None, pack_kwh: float | None) -> float | None:
        """Return the energy (kWh) that such a distance and rise of soc need; None where they don't tell."""
        if km is None or rise_kwh is None:
            return None
        per_km = self.kwh_per_km
        if per_km is None and self.percent_per_km and pack_kwh is not None:
            per_km = self.percent_per_km / 100 * pack_kwh
        return None if per_km is None else max(0.0, km * per_km + rise_kwh)


def _ratio(parts: Sequence[tuple[float, float]]) -> float | None:
    km = sum(each for each, _ in parts)
    return sum(amount for _, amount in parts) / km if km >= _KNOWN_KM else None
