"""All figures of a battery's use and health from one trace."""

from dataclasses import dataclass

from shared.diagnostics.ageing import Ageing, ageing
from shared.diagnostics.capacity import Capacity, capacity
from shared.diagnostics.cleaning import clean
from shared.diagnostics.consumption import Consumption, consumption
from shared.diagnostics.durability import Durability, durability
from shared.diagnostics.missing import Missing
from shared.diagnostics.passport import Passport, passport
from shared.diagnostics.quality import Quality, quality
from shared.diagnostics.resistance import Resistance, resistance
from shared.diagnostics.sessions import cleaned_sessions
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile


@dataclass(frozen=True, slots=True)
class Battery:
    """The figures, each with a reason in its place where it can't be computed."""

    passport: Passport
    """Includes the throughput and the cycles."""
    consumption: Consumption | Missing
    resistance: Resistance | Missing
    capacity: Capacity | Missing
    ageing: Ageing | Missing
    durability: tuple[Durability, ...] | Missing
    quality: Quality | Missing


def battery(whole: Trace, profile: Profile, since: float | None = None) -> Battery:
    """Compute all figures of a trace.

    `since` (seconds since 1970): the counters and estimates begin here; the trend of soh and the growth of
    the resistance, which take half a year and more, look at all readings.
    """
    cleaned = of_all = clean(whole)
    if since is not None and len(whole) and since > whole.ts[0]:
        cleaned = clean(whole.between(since, whole.until))
    trace = cleaned.trace
    found = cleaned_sessions(trace, profile)
    ohm = resistance(trace)
    return Battery(
        passport=passport(trace, found, ohm if cleaned is of_all else resistance(of_all.trace), profile),
        consumption=consumption(trace, found),
        resistance=ohm,
        capacity=capacity(trace, found, profile.capacity_ah),
        ageing=ageing(of_all.trace),
        durability=durability(trace, profile),
        quality=quality(trace, cleaned.removed),
    )
