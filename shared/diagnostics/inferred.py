"""Sessions that are inferred from changes of soc and odometer, and their energy."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from shared.diagnostics.charging import Span
from shared.diagnostics.session import Course, EnergyFrom, Kind, Session, observed
from shared.diagnostics.soc_rises import Changes
from shared.diagnostics.soh import latest_soh
from shared.diagnostics.uncertainty import IDLE_A
from shared.diagnostics.unobserved import Usage
from shared.vehicle_profile import Profile

SOC_DIGIT = 1.0
"""% of soc by which a change may be off: the last digit of many sources [C]."""
_LEAST_SOH = 70.0
"""Least soh of an unknown one: 70 % is the end of most warranties [C]."""
_LEAST_USAGE, _MOST_USAGE = 0.6, 1.6
"""A drive's consumption over the usual one, from a warm town to a cold motorway [C]."""


def between(course: Course, found: Changes, kind: Kind, first: int, last: int) -> Session:
    """Make a session that is known by its two ends alone."""
    trace = course.trace
    before, after = float(found.soc[first]), float(found.soc[last])
    return Session(
        kind=kind,
        inferred=True,
        first=first,
        last=last,
        start=float(trace.ts[first]),
        end=float(trace.ts[last]),
        soc_from=None if np.isnan(before) else before,
        soc_to=None if np.isnan(after) else after,
        km=course.distance(first, last),
        samples=last - first + 1,
    )


def charges_by_soc(
    course: Course, found: Changes, profile: Profile, rises: Sequence[Span]
) -> Iterator[Session]:
    """Make the charges that soc shows; with a reading of a charging current inside it gives the energy."""
    for (first, last), soh in _with_soh(course, rises):
        current = course.trace.pack_current[first : last + 1]
        measured = observed(course, Kind.CHARGE, first, last)
        if measured.kwh_in and np.any(current <= -IDLE_A):
            yield measured
            continue
        session = between(course, found, Kind.CHARGE, first, last)
        energy = _energy(profile, soh, float(found.soc[last] - found.soc[first]))
        if energy is not None:
            kwh, low, high, source = energy
            session = replace(session, kwh_in=kwh, kwh_in_low=low, kwh_in_high=high, energy_from=source)
        yield session


def with_energy(course: Course, profile: Profile, sessions: Sequence[Session]) -> list[Session]:
    """Complete inferred drives and unobserved sessions by energies from soc, distance and usual consumption.

    The energy of a drive is the net one out. Where soc does not tell it, its band is 0.6 to 1.6 times the
    usual consumption of the drives that were read. Of a session with a drive and a charge that is the band
    out, and the least energy in is known.
    """
    usage = Usage.of(sessions)
    open_ones = [one for one in sessions if one.inferred and one.kind in {Kind.DRIVE, Kind.UNOBSERVED}]
    soh = dict(_with_soh(course, [(one.first, one.last) for one in open_ones]))
    return [
        _completed(one, profile, usage, soh[one.first, one.last]) if (one.first, one.last) in soh else one
        for one in sessions
    ]


def _completed(session: Session, profile: Profile, usage: Usage, soh: float) -> Session:
    known = session.soc_from is not None and session.soc_to is not None
    fall = session.soc_from - session.soc_to if known else np.nan  # type: ignore[operator]
    energy = _energy(profile, soh, fall) if session.kind is Kind.DRIVE else None
    if energy is not None:
        kwh, low, high, source = energy
        return replace(session, kwh_out=kwh, kwh_out_low=low, kwh_out_high=high, energy_from=source)
    if session.kind is Kind.UNOBSERVED:
        session = replace(session, kwh_in_low=_least_kwh_in(session, profile, usage, soh, -fall))
    if session.km and usage.kwh_per_km is not None:
        kwh = session.km * usage.kwh_per_km
        session = replace(session, kwh_out_low=_LEAST_USAGE * kwh, kwh_out_high=_MOST_USAGE * kwh)
    return session


def _least_kwh_in(session: Session, profile: Profile, usage: Usage, soh: float, rise: float) -> float | None:
    """Return the energy (kWh) that the distance and the change of soc need; None where they don't tell."""
    if profile.energy_kwh is None or np.isnan(rise):
        return None
    least = (_LEAST_SOH if np.isnan(soh) else soh) / 100 * profile.energy_kwh
    # A fall by an unknown energy gave at most the nominal one.
    health = least if rise > 0 or not np.isnan(soh) else profile.energy_kwh
    return usage.least_kwh_in(session.km, rise / 100 * health, least)


def _energy(profile: Profile, soh: float, percent: float) -> tuple[float, float, float, EnergyFrom] | None:
    """Return dS * energy_kwh * H (kWh), its band, and its source; H is the last known soh, or 100 %.

    None where dS is not above 0, or a part is unknown.
    """
    if profile.energy_kwh is None or not percent > 0:
        return None
    kwh = profile.energy_kwh / 100
    known = not np.isnan(soh)
    health, least = (soh / 100,) * 2 if known else (1.0, _LEAST_SOH / 100)
    return (
        percent * kwh * health,
        max(percent - SOC_DIGIT, 0) * kwh * least,
        (percent + SOC_DIGIT) * kwh * health,
        EnergyFrom.SOC if known else EnergyFrom.SOC_NOMINAL,
    )


def _with_soh(course: Course, spans: Sequence[Span]) -> Iterator[tuple[Span, float]]:
    """Yield each span with the last soh (%) known by then; NaN without one."""
    places = np.array([first for first, _ in spans], np.intp)
    return zip(spans, map(float, latest_soh(course.trace, places)), strict=True)
