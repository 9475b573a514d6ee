"""Sessions of a vehicle, from its stored readings: charges, drives, discharges, and those inferred.

Sessions always end, never overlap (the end of one may be the start of the next), and are in order of time.
Rules and thresholds: docs/diagnostics.md, Sessions.
"""

from collections.abc import Sequence

import numpy as np

from shared.diagnostics.between import power_between
from shared.diagnostics.charging import CHARGED, Span, charge_spans
from shared.diagnostics.cleaning import clean
from shared.diagnostics.discharging import apart, discharge_spans
from shared.diagnostics.drives import drive_spans, is_unseen
from shared.diagnostics.gaps import filled
from shared.diagnostics.inferred import SOC_DIGIT, between, charges_by_soc, with_energy
from shared.diagnostics.integrals import Pairs
from shared.diagnostics.late_odometer import late_drives
from shared.diagnostics.masks import Mask
from shared.diagnostics.odometer import MOVED_KM, travelled
from shared.diagnostics.session import Course, Kind, Session, observed
from shared.diagnostics.soc_rises import DRIVEN_KM, Changes, changes, joined_charges
from shared.diagnostics.standby import parted
from shared.diagnostics.trace import Trace
from shared.diagnostics.unobserved import charged_too
from shared.vehicle_profile import Profile

_FEW = 4
"""Fewer readings of a current into the battery may be of braking [C]."""
_DRIVING_KM_S = 20 / 3600
"""Mean speed from which on a car drove for most of a silence [C]."""


def sessions(trace: Trace, profile: Profile) -> list[Session]:
    """Find all sessions of a trace, in order of time; capacity_ah and energy_kwh are used where known."""
    return cleaned_sessions(clean(trace).trace, profile)


def cleaned_sessions(trace: Trace, profile: Profile) -> list[Session]:
    """Find all sessions of a cleaned trace."""
    course, charges = _course(trace, charge_spans(trace, profile))
    found = changes(course)
    charges, standby = parted(course, found, charges)
    charges, rises = joined_charges(course, found, charges, standby)
    taken = [*charges, *rises, *standby]
    drives, unobserved = _passed(course, found, profile, taken)
    taken += [*drives, *unobserved]
    late = late_drives(course, taken)
    discharges = discharge_spans(course, found, profile, [*taken, *late])
    result = [observed(course, Kind.CHARGE, *span) for span in charges]
    result += [observed(course, Kind.STANDBY, *span) for span in standby]
    result += charges_by_soc(course, found, profile, rises)
    result += [between(course, found, Kind.DRIVE, *span) for span in drives]
    result += [between(course, found, Kind.UNOBSERVED, *span) for span in unobserved]
    seen = drive_spans(course, [*taken, *discharges.sure], late)
    for span in seen:
        unseen = is_unseen(course, *span)
        result.append(
            between(course, found, Kind.DRIVE, *span) if unseen else observed(course, Kind.DRIVE, *span)
        )
    parked = [*discharges.sure, *apart(discharges.likely, seen)]
    result += [observed(course, Kind.DISCHARGE, *span) for span in parked]
    return sorted(with_energy(course, profile, result), key=lambda session: session.start)


def _course(trace: Trace, charges: list[Span]) -> tuple[Course, list[Span]]:
    """Return the course, and the charges in which the vehicle did not drive.

    It drove where more flowed out than in and soc fell by over 1 %, or where up to three readings without a
    rise of soc lie in the time that belongs to a late step of the odometer.
    """
    pairs = Pairs.of(trace)
    soc = filled(trace.ts, trace.soc)
    few = [span for span in charges if span[1] - span[0] < _FEW and not soc[span[1]] > soc[span[0]]]
    if few:
        unsure = set(few)
        km = travelled(trace, [span for span in charges if span not in unsure])
        few = [(first, last) for first, last in few if km[last] - km[first] >= MOVED_KM]
    losing = {
        (first, last)
        for first, last in charges
        if soc[first] - soc[last] > SOC_DIGIT and pairs.total(first, last).ah > 0
    }
    losing.update(few)
    charges = [span for span in charges if span not in losing]
    return Course(trace, pairs, power_between(trace), travelled(trace, charges)), charges


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
    drives = passed & found.is_gap & ~both
    # Neighbouring silences in which the car drove most of the time are one drive.
    quick = drives & (found.km >= _DRIVING_KM_S * np.diff(trace.ts))
    begins = drives & ~(quick & np.append(False, quick[:-1]))
    firsts = np.flatnonzero(begins)
    lasts = np.flatnonzero(drives & ~np.append(quick[1:] & quick[:-1], False)) + 1
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True)), _spans(both)


def _spans(pairs: Mask) -> list[Span]:
    return [(first, first + 1) for first in np.flatnonzero(pairs).tolist()]
