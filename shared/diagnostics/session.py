"""Sessions: a charge, a drive, energy in and out while parked, or a gap with a charge or drive in it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from shared.diagnostics.flows import FLOOR_A
from shared.diagnostics.integrals import SMALL, Pairs
from shared.diagnostics.trace import Floats, Trace

_PART_S = 60.0
"""A pause of a charger, and no single reading of its control [C]."""
_PART_SHARE = 0.1
_UNRESOLVED_SHARE = 0.25
"""Share of pairs between on and off from which on a pulse has hardly more than one reading [C]."""
_LONGEST_EDGE = 2.5
"""Longest time before the first or after the last reading of a charge, as a multiple of its interval."""


class Kind(StrEnum):
    """Kind of a session."""

    CHARGE = "charge"
    DRIVE = "drive"
    DISCHARGE = "discharge"
    """Energy out of a parked vehicle: into a house, a grid or a device, or for its climate."""
    STANDBY = "standby"
    """A parked vehicle on the plug, whose charger gave no more than flowed out meanwhile."""
    UNOBSERVED = "unobserved"
    """A gap over which the vehicle drove and was charged."""


_PARKED = frozenset((Kind.CHARGE, Kind.DISCHARGE))


class EnergyFrom(StrEnum):
    """Source of a session's energy."""

    MEASURED = "measured"
    """Voltage and current."""
    SOC = "soc"
    """The rise of soc, the profile's energy_kwh and the soh."""
    SOC_NOMINAL = "soc_nominal"
    """The same with an unknown soh: the nominal energy."""


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
    kwh_in: float | None = None
    kwh_out: float | None = None
    kwh_in_low: float | None = None
    """The 95 % band of the energies: docs/diagnostics.md, Uncertainty. Of an UNOBSERVED session only the
    lowest energy in is known, from its distance and its change of soc.
    """
    kwh_in_high: float | None = None
    kwh_out_low: float | None = None
    kwh_out_high: float | None = None
    kwh_down: float = 0.0
    """Distance from the net energy to the lower end of its band."""
    kwh_up: float = 0.0
    """Distance to the upper end."""
    sampling_ok: bool = False
    """True where the bands are small: at most 5 % of the energy of both directions."""
    energy_from: EnergyFrom | None = None
    """None where no energy is known."""
    km: float | None
    parts: int | None = None
    """Number of stretches of current, with pauses of a minute or more between them; None where it is not
    counted: of an inferred session, a drive, and standby."""
    peak_kw: float | None = None
    """Largest power in the session's direction: in for a charge, out for the others; at least 0."""
    mean_kw: float | None = None
    """Net energy in that direction / covered time."""
    max_temp: float | None = None
    """°C"""
    samples: int
    coverage: float = 0.0


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
    # It begins and ends at an unknown time between two readings, and goes on where it is not covered.
    unknown = _unknown_kwh(course, sign, first, last) if covered and kind in _PARKED else 0.0
    in_high = total.kwh_in_high + (unknown if kind is Kind.CHARGE else 0.0)
    out_high = total.kwh_out_high + (unknown if kind is Kind.DISCHARGE else 0.0)
    widest = max(in_high - total.kwh_in, out_high - total.kwh_out)
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
        kwh_in_low=total.kwh_in_low if covered else None,
        kwh_in_high=in_high if covered else None,
        kwh_out_low=total.kwh_out_low if covered else None,
        kwh_out_high=out_high if covered else None,
        kwh_down=total.kwh_down,
        kwh_up=total.kwh_up,
        sampling_ok=covered and total.sampling_ok and widest <= SMALL * total.throughput_kwh,
        energy_from=EnergyFrom.MEASURED if covered else None,
        km=course.distance(first, last),
        parts=_parts(course, sign, first, last) if kind in _PARKED else None,
        peak_kw=max(0.0, float(np.max(power))) if len(power) else None,
        mean_kw=sign * total.kwh * 3600 / total.covered_s if covered else None,
        max_temp=float(np.max(temp)) if len(temp) else None,
        samples=last - first + 1,
        coverage=total.coverage,
    )


def _parts(course: Course, sign: int, first: int, last: int) -> int:
    """Count the stretches of a current of at least a tenth of the largest one, with pauses of >= 60 s."""
    amps = sign * course.trace.pack_current[first : last + 1]
    known = ~np.isnan(amps)
    ts, amps = course.trace.ts[first : last + 1][known], amps[known]
    if not len(amps):
        return 1
    flowing = np.flatnonzero(amps >= max(FLOOR_A, _PART_SHARE * float(amps.max())))
    return 1 + int(np.sum((np.diff(flowing) > 1) & (np.diff(ts[flowing]) >= _PART_S)))


def _unknown_kwh(course: Course, sign: int, first: int, last: int) -> float:
    """Return the energy (kWh) that may have flowed besides the measured one: at both ends, and in pauses of
    the readings, at the power of the end or at the largest one; no end is longer than 2.5 usual intervals.
    """
    trace = course.trace
    known = first + np.flatnonzero(~np.isnan(course.power_kw[first : last + 1]))
    if len(known) < 2:
        return 0.0
    usual = _LONGEST_EDGE * float(np.median(np.diff(trace.ts[known])))
    before = min(float(trace.ts[first] - trace.ts[max(first - 1, 0)]), usual)
    after = min(float(trace.ts[min(last + 1, len(trace) - 1)] - trace.ts[last]), usual)
    begin, end = (max(0.0, sign * float(course.power_kw[place])) for place in (known[0], known[-1]))
    total = course.pairs.total(first, last)
    uncovered = max(0.0, total.span_s - total.covered_s)
    peak = max(0.0, float(np.max(sign * course.power_kw[known])))
    pulses = _pulse_kws(trace.ts[known], sign * course.power_kw[known], peak)
    return (before * begin + after * end + uncovered * peak + pulses) / 3600


def _pulse_kws(ts: Floats, power: Floats, peak: float) -> float:
    """Return the energy (kW s) that pulses may have besides: half of each pair between on and off.

    0 where most pairs lie within a pulse or a pause. Readings as slow as the pulses may meet the same part of
    each, so their errors add up.
    """
    edges = np.diff((power > peak / 2).astype(np.int8)) != 0
    if np.count_nonzero(edges) < _UNRESOLVED_SHARE * len(edges):
        return 0.0
    return float(np.sum(np.abs(np.diff(power)[edges]) * np.diff(ts)[edges])) / 2
