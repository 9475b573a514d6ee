"""Sessions: a charge, a drive, or a gap over which the vehicle has charged or driven."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from shared.diagnostics.integrals import Pairs
from shared.diagnostics.trace import Floats, Trace


class Kind(StrEnum):
    """Kind of a session."""

    CHARGE = "charge"
    DRIVE = "drive"
    UNOBSERVED = "unobserved"
    """A gap over which the vehicle drove and was charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session; unknown figures are None, energies at least 0, and `inferred` ones known by their ends."""

    kind: Kind
    inferred: bool
    first: int
    """Index in the trace of the first reading."""
    last: int
    """Index of the last reading; the next session may begin with it."""
    start: float
    """Seconds since 1970, as `end`."""
    end: float
    soc_from: float | None
    """%"""
    soc_to: float | None
    kwh_in: float | None
    kwh_in_low: float | None = None
    """The least energy of an unobserved charge: usual consumption * km against the change of soc."""
    kwh_out: float | None
    km: float | None
    peak_kw: float | None
    """Largest power in the session's direction: out for a drive, in for a charge; at least 0."""
    mean_kw: float | None
    """Net energy in that direction / covered time."""
    max_temp: float | None
    """°C"""
    samples: int
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A cleaned trace with the arrays that sessions need, each computed once."""

    trace: Trace
    pairs: Pairs
    power_kw: Floats
    """Positive = out; voltage and current may be of neighbouring readings."""
    km: Floats
    """Distance driven by each reading (`odometer.travelled`)."""

    def distance(self, first: int, last: int) -> float | None:
        """Return the distance (km) from one reading to another, by index; None without an odometer."""
        km = float(self.km[last] - self.km[first])
        return None if np.isnan(km) else round(km, 6)


def observed(course: Course, kind: Kind, first: int, last: int) -> Session:
    """Make the session from reading `first` to `last` (by index, both included)."""
    trace, stretch = course.trace, slice(first, last + 1)
    total = course.pairs.total(first, last)
    sign = -1 if kind is Kind.CHARGE else 1
    power = sign * course.power_kw[stretch]
    power = power[~np.isnan(power)]
    soc, temp = (values[~np.isnan(values)] for values in (trace.soc[stretch], trace.max_temp[stretch]))
    covered = total.covered_s > 0
    return Session(
        kind=kind,
        inferred=False,
        first=first,
        last=last,
        start=float(trace.ts[first]),
        end=float(trace.ts[last]),
        soc_from=float(soc[0]) if len(soc) else None,
        soc_to=float(soc[-1]) if len(soc) else None,
        kwh_in=total.kwh_in if covered else None,
        kwh_out=total.kwh_out if covered else None,
        km=course.distance(first, last),
        peak_kw=max(0.0, float(np.max(power))) if len(power) else None,
        mean_kw=sign * total.kwh * 3600 / total.covered_s if covered else None,
        max_temp=float(np.max(temp)) if len(temp) else None,
        samples=last - first + 1,
        coverage=total.coverage,
    )
