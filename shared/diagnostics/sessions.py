"""Sessions of a vehicle, from its stored readings: charges, drives, and those inferred from gaps.

Sessions always end, never overlap (the end of one may be the start of the next), and are in order of time.
Rules and thresholds: docs/diagnostics.md, Sessions.
"""

from collections.abc import Iterator

import numpy as np

from shared.diagnostics.between import power_between
from shared.diagnostics.charging import charge_spans
from shared.diagnostics.cleaning import clean
from shared.diagnostics.drives import drive_spans
from shared.diagnostics.gaps import GAP_S, filled
from shared.diagnostics.integrals import Pairs
from shared.diagnostics.odometer import travelled
from shared.diagnostics.session import Course, Kind, Session, observed
from shared.diagnostics.soh import latest_soh
from shared.diagnostics.trace import Trace
from shared.diagnostics.unobserved import Usage, charged_too
from shared.vehicle_profile import Profile

_CHARGED = 3.0
"""%"""
_DRIVEN_KM = 2.0


def sessions(trace: Trace, profile: Profile) -> list[Session]:
    """Find all sessions of a trace, in order of time; capacity_ah and energy_kwh are used where known."""
    return cleaned_sessions(clean(trace).trace, profile)


def cleaned_sessions(trace: Trace, profile: Profile) -> list[Session]:
    """Find all sessions of a cleaned trace."""
    charges = charge_spans(trace, profile.capacity_ah)
    course = Course(trace, Pairs.of(trace), power_between(trace), travelled(trace, charges))
    found = [observed(course, Kind.CHARGE, *span) for span in charges]
    found += [observed(course, Kind.DRIVE, *span) for span in drive_spans(course, charges)]
    found += _inferred(course, profile, Usage.of(found))
    return sorted(found, key=lambda session: session.start)


def _inferred(course: Course, profile: Profile, usage: Usage) -> Iterator[Session]:
    """Infer sessions over gaps (>= 300 s): soc up by >= 3 % is a charge, >= 2 km a drive, both UNOBSERVED.

    So is a drive over which soc fell by less than its distance takes: the car was charged, too.
    """
    trace = course.trace
    soc = filled(trace.ts, trace.soc)
    # Rounded: 33.3 - 30.3 is just below 3 in binary.
    charged = np.round(np.diff(soc), 6) >= _CHARGED
    km = np.round(np.diff(course.km), 6)
    driven = km >= _DRIVEN_KM
    unobserved = charged | charged_too(km, np.diff(soc), profile.energy_kwh)
    places = np.flatnonzero((np.diff(trace.ts) >= GAP_S) & (charged | driven))
    for first, soh in zip(places.tolist(), latest_soh(trace, places), strict=True):
        kind = Kind.CHARGE
        if driven[first]:
            kind = Kind.UNOBSERVED if unobserved[first] else Kind.DRIVE
        before, after = float(soc[first]), float(soc[first + 1])
        energy = _energy(profile, soh, after - before)
        distance = course.distance(int(first), int(first) + 1)
        yield Session(
            kind=kind,
            inferred=True,
            first=first,
            last=first + 1,
            start=float(trace.ts[first]),
            end=float(trace.ts[first + 1]),
            soc_from=None if np.isnan(before) else before,
            soc_to=None if np.isnan(after) else after,
            kwh_in=energy if kind is Kind.CHARGE else None,
            kwh_in_low=usage.least_kwh_in(distance, energy, _energy(profile, soh, 100.0))
            if kind is Kind.UNOBSERVED
            else None,
            kwh_out=None,
            km=distance,
            peak_kw=None,
            mean_kw=None,
            max_temp=None,
            samples=2,
            coverage=0.0,
        )


def _energy(profile: Profile, soh: float, charged: float) -> float | None:
    """Estimate dS * energy_kwh * H (kWh), H = the last known soh (%); None where either is unknown."""
    if profile.energy_kwh is None or np.isnan(soh) or np.isnan(charged):
        return None
    return charged / 100 * profile.energy_kwh * float(soh) / 100
