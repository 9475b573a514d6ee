"""Sessions of a vehicle, from its stored readings: charges, drives, and those inferred from silences.

Sessions always end, never overlap (the end of one may be the start of the next), and are in order of time.
Rules and thresholds: docs/diagnostics.md, Sessions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from shared.diagnostics.between import power_between
from shared.diagnostics.charging import Span, charge_spans
from shared.diagnostics.drives import drive_spans, is_unseen
from shared.diagnostics.integrals import Pairs
from shared.diagnostics.odometer import travelled
from shared.diagnostics.session import Course, EnergyFrom, Kind, Session, observed
from shared.diagnostics.soc import without_glitches
from shared.diagnostics.soc_rises import CHARGED, DRIVEN_KM, Changes, changes, joined_charges
from shared.diagnostics.soh import latest_soh
from shared.diagnostics.trace import Trace
from shared.diagnostics.uncertainty import IDLE_A
from shared.vehicle_profile import Profile

_SOC_DIGIT = 1.0
"""% of soc by which a rise may be off: the last digit of many sources [C]."""
_LEAST_SOH = 70.0
"""Least soh of an unknown one: 70 % is the end of most warranties [C]."""


def sessions(trace: Trace, profile: Profile) -> list[Session]:
    """Find all sessions of a trace, in order of time; capacity_ah and energy_kwh are used where known."""
    charges = charge_spans(trace, profile.capacity_ah)
    course = Course(
        trace, Pairs.of(trace), power_between(trace), travelled(trace, charges), without_glitches(trace)
    )
    found = changes(course)
    charges, rises = joined_charges(course, found, charges)
    passed = _passed(course, found, [*charges, *rises])
    result = [observed(course, Kind.CHARGE, *span) for span in charges]
    result += _by_soc(course, found, profile, rises)
    result += [_between(course, found, kind, *span) for kind, span in passed]
    closed = sorted([*charges, *rises, *(span for _, span in passed)])
    for span in drive_spans(course, closed):
        unseen = is_unseen(course, *span)
        result.append(
            _between(course, found, Kind.DRIVE, *span) if unseen else observed(course, Kind.DRIVE, *span)
        )
    return sorted(result, key=lambda session: session.start)


def _passed(course: Course, found: Changes, charges: Sequence[Span]) -> list[tuple[Kind, Span]]:
    """Return drives over gaps (2 km or more), and silences with both a drive and a rise of soc by 3 %.

    The latter also within the rhythm of a source, where no current is known at both ends.
    """
    free = np.ones(max(len(course.trace) - 1, 0), np.bool_)
    for first, last in charges:
        free[first:last] = False
    driven, charged = found.km >= DRIVEN_KM, found.charged >= CHARGED
    unseen = found.is_gap | (course.pairs.current_s == 0)
    places = np.flatnonzero(free & driven & (found.is_gap | (charged & unseen)))
    return [
        (Kind.UNOBSERVED if charged[place] else Kind.DRIVE, (place, place + 1)) for place in places.tolist()
    ]


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
