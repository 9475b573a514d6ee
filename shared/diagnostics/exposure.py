"""The conditions that a battery has lived in, as histograms: soc at rest, temperature, C-rate, depth."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from shared.diagnostics.between import current_between, linked
from shared.diagnostics.cell_temp import cell_temp
from shared.diagnostics.missing import InsufficientData, Missing, NotInProfile
from shared.diagnostics.rests import Rests
from shared.diagnostics.session import Kind, Session
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile, without

_SOC = np.arange(0.0, 101.0, 10.0)
_TEMP = np.concatenate(([-40.0], np.arange(-20.0, 61.0, 5.0), [210.0]))
"""°C; the first and the last class hold all that is beyond."""
_C_RATE = np.array([0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0])
_DEPTH = np.arange(0.0, 101.0, 10.0)
_IDLE_C = 0.02
"""A smaller current is rest [C]."""
_SMALLEST_DEPTH = 3.0
"""% of soc [C]"""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Amounts by classes of a value; class i is from edge i (included) to edge i + 1."""

    edges: tuple[float, ...]
    amounts: tuple[float, ...]
    """Hours, or a number."""


@dataclass(frozen=True, slots=True)
class RestingSoc:
    """The soc (%) of the vehicle at rest, silences included, in hours."""

    hours: Histogram
    total_hours: float
    hours_above_80: float
    hours_above_90: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """The histograms, each with a reason in its place where it can't be computed."""

    soc_at_rest: RestingSoc | Missing
    temperature: Histogram | Missing
    """°C, mean of the hottest and the coldest cell, in hours of near readings."""
    c_rate_out: Histogram | Missing
    """Current over the nominal capacity, in hours; a current below 0.02 C is rest."""
    c_rate_in: Histogram | Missing
    depth: Histogram | Missing
    """% of soc from the end of a charge to the begin of the next one, in their number."""


def exposure(trace: Trace, sessions: Sequence[Session], rests: Rests, profile: Profile) -> Exposure:
    """Compute the histograms; the two ends of a pair of readings count half of its time each.

    Source: docs/diagnostics.md, Figures.
    """
    out, into = _c_rates(trace, profile)
    return Exposure(_resting(rests), _temperature(trace), out, into, _depths(sessions))


def _resting(rests: Rests) -> RestingSoc | Missing:
    hours = np.where(rests.at_rest, rests.hours, 0.0)
    total, amounts = _shared(rests.soc, hours, _SOC)
    if not total:
        return InsufficientData("no rest with soc")
    return RestingSoc(
        hours=Histogram(tuple(_SOC.tolist()), amounts),
        total_hours=total,
        hours_above_80=_above(rests.soc, hours, 80.0),
        hours_above_90=_above(rests.soc, hours, 90.0),
    )


def _above(values: Floats, hours: Floats, limit: float) -> float:
    above = values > limit
    return float(hours[above[:-1]].sum() + hours[above[1:]].sum()) / 2


def _temperature(trace: Trace) -> Histogram | Missing:
    temp = cell_temp(trace)
    hours = np.where(linked(trace.ts, temp), np.diff(trace.ts) / 3600, 0.0)
    total, amounts = _shared(temp, hours, _TEMP)
    if not total:
        return InsufficientData("no two readings near each other have a temperature")
    return Histogram(tuple(_TEMP.tolist()), amounts)


def _c_rates(trace: Trace, profile: Profile) -> tuple[Histogram | Missing, Histogram | Missing]:
    if profile.capacity_ah is None:
        lacking = NotInProfile(without("capacity_ah"))
        return lacking, lacking
    rate = current_between(trace) / profile.capacity_ah
    hours = np.where(linked(trace.ts, trace.pack_current), np.diff(trace.ts) / 3600, 0.0)
    if not hours.any():
        silent = InsufficientData("no two readings near each other have a current")
        return silent, silent
    edges = tuple(_C_RATE.tolist())
    out, into = (
        _shared(np.where(side >= _IDLE_C, side, np.nan), hours, _C_RATE)[1] for side in (rate, -rate)
    )
    return Histogram(edges, out), Histogram(edges, into)


def depths(sessions: Sequence[Session]) -> Floats:
    """Return the falls of soc (%) from the end of each charge to the begin of the next one, from 3 % on."""
    charges = [each for each in sessions if each.kind is Kind.CHARGE]
    falls = np.array(
        [
            before.soc_to - after.soc_from
            for before, after in pairwise(charges)
            if before.soc_to is not None and after.soc_from is not None
        ],
        float,
    )
    deep: Floats = falls[falls >= _SMALLEST_DEPTH]
    return deep


def _depths(sessions: Sequence[Session]) -> Histogram | Missing:
    falls = depths(sessions)
    if not len(falls):
        return InsufficientData("no two charges with soc and a use between them")
    return Histogram(tuple(_DEPTH.tolist()), tuple(np.histogram(falls, _DEPTH)[0].astype(float).tolist()))


def _shared(values: Floats, hours: Floats, edges: Floats) -> tuple[float, tuple[float, ...]]:
    """Return the hours in all classes and in each one; those of a pair are shared by its two ends."""
    number = len(edges) - 1
    place = np.clip(np.searchsorted(edges, values, "right") - 1, 0, number - 1)
    # NaN is sorted behind the last edge.
    place[np.isnan(values)] = number
    begins, ends = (np.bincount(each, hours, number + 1)[:number] for each in (place[:-1], place[1:]))
    amounts = (begins + ends) / 2
    return float(amounts.sum()), tuple(amounts.tolist())
