"""Sessions of a vehicle, from its stored readings: charges, drives, discharges, and those inferred.

Sessions always end, never overlap (the end of one may be the start of the next), and are in order of time.
Rules and thresholds: docs/diagnostics.md, Sessions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from shared.diagnostics.between import power_between
from shared.diagnostics.charging import CHARGED, Span, charge_spans
from shared.diagnostics.cleaning import clean
from shared.diagnostics.discharging import apart, discharge_spans
from shared.diagnostics.drives import drive_spans, is_unseen
from shared.diagnostics.integrals import Pairs
from shared.diagnostics.masks import Mask
from shared.diagnostics.odometer import travelled
from shared.diagnostics.session import Course, EnergyFrom, Kind, Session, observed
from shared.diagnostics.soc_rises import DRIVEN_KM, Changes, changes, joined_charges
from shared.diagnostics.soh import latest_soh
from shared.diagnostics.standby import parted
from shared.diagnostics.trace import Trace
from shared.diagnostics.uncertainty import IDLE_A
from shared.diagnostics.unobserved import Usage, charged_too
from shared.vehicle_profile import Profile

_SOC_DIGIT = 1.0
"""% of soc by which a rise may be off: the last digit of many sources [C]."""
_LEAST_SOH = 70.0
"""Least soh of an unknown one: 70 % is the end of most warranties [C]."""


def sessions(trace: Trace, profile: Profile) -> list[Session]:
    """Find all sessions of a trace, in order of time; capacity_ah and energy_kwh are used where known."""
    return cleaned_sessions(clean(trace).trace, profile)


def cleaned_sessions(trace: Trace, profile: Profile) -> list[Session]:
    """Find all sessions of a cleaned trace."""
    charges = charge_spans(trace, profile)
    course = Course(trace, Pairs.of(trace), power_between(trace), travelled(trace, charges))
    found = changes(course)
    charges, standby = parted(course, found, charges)
    charges, rises = joined_charges(course, found, charges, standby)
    taken = [*charges, *rises, *standby]
    drives, unobserved = _passed(course, found, profile, taken)
    taken += [*drives, *unobserved]
    discharges = discharge_spans(course, found, profile, taken)
    result = [observed(course, Kind.CHARGE, *span) for span in charges]
    result += [observed(course, Kind.STANDBY, *span) for span in standby]
    result += _by_soc(course, found, profile, rises)
    result += [_between(course, found, Kind.DRIVE, *span) for span in drives]
    seen = drive_spans(course, [*taken, *discharges.sure])
    for span in seen:
        unseen = is_unseen(course, *span)
        result.append(
            _between(course, found, Kind.DRIVE, *span) if unseen else observed(course, Kind.DRIVE, *span)
        )
    parked = [*discharges.sure, *apart(discharges.likely, seen)]
    result += [observed(course, Kind.DISCHARGE, *span) for span in parked]
    result += _unobserved(course, found, profile, unobserved, Usage.of(result))
    return sorted(result, key=lambda session: session.start)


def _passed(
    course: Course, found: Changes, profile: Profile, charges: Sequence[Span]
) -> tuple[list[Span], list[Span]]:
    """Return the pairs of readings that hold a drive (2 km or more) over a gap, and those with a charge, too.

    Over the latter soc rose by 3 %, or fell by less than the distance takes. They are also within the rhythm
    of a source, where no current is known at both ends.
    """
    trace = course.trace
    free = np.ones(max(len(trace) - 1, 0), np.bool_)
    for first, last in charges:
        free[first:last] = False
    charged = found.charged >= CHARGED
    fell_too_little = charged_too(found.km, np.diff(found.soc), profile.energy_kwh)
    # Within a rhythm a missing soc is filled with the last known one: soc may have fallen all the same.
    told = ~np.isnan(trace.soc[1:]) & ~np.isnan(trace.soc[:-1])
    unseen = (course.pairs.current_s == 0) & (charged | (fell_too_little & told))
    passed = free & (found.km >= DRIVEN_KM)
    both = passed & ((found.is_gap & (charged | fell_too_little)) | unseen)
    return _spans(passed & found.is_gap & ~both), _spans(both)


def _spans(pairs: Mask) -> list[Span]:
    return [(first, first + 1) for first in np.flatnonzero(pairs).tolist()]


def _unobserved(
    course: Course, found: Changes, profile: Profile, spans: Sequence[Span], usage: Usage
) -> Iterator[Session]:
    """Make the sessions over silences with both a drive and a charge; the least energy is known at most."""
    places = np.array([first for first, _ in spans], np.intp)
    for (first, last), soh in zip(spans, latest_soh(course.trace, places), strict=True):
        session = _between(course, found, Kind.UNOBSERVED, first, last)
        rise = float(found.soc[last] - found.soc[first])
        least = usage.least_kwh_in(session.km, _energy(profile, soh, rise), _energy(profile, soh, 100.0))
        yield replace(session, kwh_in_low=least)


def _between(course: Course, found: Changes, kind: Kind, first: int, last: int) -> Session:
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


def _by_soc(course: Course, found: Changes, profile: Profile, rises: Sequence[Span]) -> Iterator[Session]:
    """Make the charges that soc shows; with a reading of a charging current inside it gives the energy."""
    places = np.array([first for first, _ in rises], np.intp)
    for (first, last), soh in zip(rises, latest_soh(course.trace, places), strict=True):
        current = course.trace.pack_current[first : last + 1]
        measured = observed(course, Kind.CHARGE, first, last)
        if measured.kwh_in and np.any(current <= -IDLE_A):
            yield measured
            continue
        session = _between(course, found, Kind.CHARGE, first, last)
        if profile.energy_kwh is None:
            yield session
            continue
        kwh, rise = profile.energy_kwh / 100, float(found.soc[last] - found.soc[first])
        known = not np.isnan(soh)
        health, least = (float(soh) / 100,) * 2 if known else (1.0, _LEAST_SOH / 100)
        yield replace(
            session,
            kwh_in=rise * kwh * health,
            kwh_in_low=max(rise - _SOC_DIGIT, 0) * kwh * least,
            kwh_in_high=(rise + _SOC_DIGIT) * kwh * health,
            energy_from=EnergyFrom.SOC if known else EnergyFrom.SOC_NOMINAL,
        )


def _energy(profile: Profile, soh: float, charged: float) -> float | None:
    """Estimate dS * energy_kwh * H (kWh), H = the last known soh (%); None where either is unknown."""
    if profile.energy_kwh is None or np.isnan(soh) or np.isnan(charged):
        return None
    return charged / 100 * profile.energy_kwh * float(soh) / 100
