"""All that one trace tells of a battery's use and health."""

from dataclasses import dataclass

from shared.diagnostics.ageing import Ageing, ageing
from shared.diagnostics.capacity import Capacity, capacity
from shared.diagnostics.consumption import Consumption, consumption
from shared.diagnostics.durability import Durability, durability
from shared.diagnostics.missing import Missing
from shared.diagnostics.passport import Passport, passport
from shared.diagnostics.quality import Quality, quality
from shared.diagnostics.resistance import Resistance, resistance
from shared.diagnostics.sessions import sessions
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile


@dataclass(frozen=True, slots=True)
class Battery:
    """Each figure, or why it can't be given."""

    passport: Passport
    """With the throughput and the cycles."""
    consumption: Consumption | Missing
    resistance: Resistance | Missing
    capacity: Capacity | Missing
    ageing: Ageing | Missing
    durability: tuple[Durability, ...] | Missing
    quality: Quality | Missing


def battery(trace: Trace, profile: Profile) -> Battery:
    """Every figure of a trace, each as its own function gives it."""
    found = sessions(trace, profile)
    ohm = resistance(trace)
    return Battery(
        passport=passport(trace, found, ohm, profile),
        consumption=consumption(trace, found),
        resistance=ohm,
        capacity=capacity(trace, found, profile.capacity_ah),
        ageing=ageing(trace),
        durability=durability(trace, profile),
        quality=quality(trace),
    )
