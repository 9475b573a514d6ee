"""The vehicle's soh against the references of regulations for its age and distance.

Regulations measure the share of the usable energy (SOCE), not the soh that a vehicle reports: a soh below the
reference does not prove that a battery violates a regulation.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from shared.diagnostics.missing import InsufficientData, Missing, NotInProfile, unseen
from shared.diagnostics.odometer import last_km
from shared.diagnostics.soh import latest_soh
from shared.diagnostics.trace import Trace, moment
from shared.vehicle_profile import Profile, named, without

_YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True)
class _Stage:
    years: float
    km: float
    soh: dict[str, float]


_STAGES = (
    _Stage(5, 100_000, {"UN GTR 22": 80, "Euro 7": 80}),
    _Stage(8, 160_000, {"UN GTR 22": 70, "Euro 7": 72}),
)


@dataclass(frozen=True, slots=True)
class Durability:
    """A reference that applies at the vehicle's age and distance."""

    regulation: str
    until_years: float
    until_km: float
    reference: float
    """% of its health that a battery of that age should still have."""
    soh: float
    """%, the vehicle's own: the median of its last 7 values."""
    finding: str
    """`below the reference` or `not below the reference`."""


def durability(trace: Trace, profile: Profile) -> tuple[Durability, ...] | Missing:
    """Compare the soh with the references for the vehicle at its last reading.

    80 % up to 5 years and 100,000 km; 70 % (UN GTR 22) or 72 % (Euro 7, cars) up to 8 years and 160,000 km,
    whichever ends first. Needs the profile's first_use_date, an odometer and a soh.
    Source: docs/diagnostics.md.
    """
    if profile.first_use_date is None:
        return NotInProfile(without("first_use_date"))
    km, known = last_km(trace), not np.isnan(trace.soh).all()
    if km is None or not known:
        return unseen("odo_km" if km is None else "soh", len(trace))
    years = _years(profile.first_use_date, moment(float(trace.ts[-1])).date())
    if years < 0:
        return NotInProfile(f"the profile's {named('first_use_date')} is after the last reading")
    soh = float(latest_soh(trace, np.array([len(trace) - 1]))[0])
    for stage in _STAGES:
        if years <= stage.years and km <= stage.km:
            return tuple(_compare(stage, name, level, soh) for name, level in stage.soh.items())
    return InsufficientData("past 8 years or 160,000 km no reference applies")


def _years(begin: date, end: date) -> float:
    return (end - begin).days / _YEAR_DAYS


def _compare(stage: _Stage, regulation: str, reference: float, soh: float) -> Durability:
    finding = "below the reference" if soh < reference else "not below the reference"
    return Durability(regulation, stage.years, stage.km, reference, soh, finding)
