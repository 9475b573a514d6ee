"""All figures of a battery's use and health from one trace."""

from dataclasses import dataclass

from shared.diagnostics.ageing import Ageing, ageing
from shared.diagnostics.battery_use import BatteryUse, battery_use
from shared.diagnostics.capacity import Capacity, capacity
from shared.diagnostics.capacity_trend import CapacityTrend, capacity_trend
from shared.diagnostics.charge_windows import charge_windows
from shared.diagnostics.cleaning import clean
from shared.diagnostics.consumption import Consumption, consumption
from shared.diagnostics.durability import Durability, durability
from shared.diagnostics.integrals import Pairs
from shared.diagnostics.missing import Missing
from shared.diagnostics.passport import Passport, passport
from shared.diagnostics.quality import Quality, quality
from shared.diagnostics.resistance import Resistance, resistance
from shared.diagnostics.resistance_trend import ResistanceTrend, resistance_trend
from shared.diagnostics.sessions import cleaned_sessions
from shared.diagnostics.soh import newest_soh
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile


@dataclass(frozen=True, slots=True)
class Battery:
    """The figures, each with a reason in its place where it can't be computed."""

    passport: Passport
    """Includes the throughput and the cycles."""
    consumption: Consumption | Missing
    resistance: Resistance | Missing
    resistance_trend: ResistanceTrend | Missing
    capacity: Capacity | Missing
    capacity_trend: CapacityTrend | Missing
    ageing: Ageing | Missing
    durability: tuple[Durability, ...] | Missing
    use: BatteryUse
    quality: Quality | Missing


def battery(whole: Trace, profile: Profile, since: float | None = None) -> Battery:
    """Compute all figures of a trace.

    `since` (seconds since 1970): the counters and estimates begin here; the trends of soh, resistance and
    capacity, which take half a year and more, look at all readings.
    """
    cleaned = of_all = clean(whole)
    if since is not None and len(whole) and since > whole.ts[0]:
        cleaned = clean(whole.between(since, whole.until))
    trace = cleaned.trace
    found = cleaned_sessions(trace, profile)
    ohm, windows = resistance(trace), charge_windows(trace, found)
    ohm_of_all, windows_of_all = ohm, windows
    if cleaned is not of_all:
        ohm_of_all = resistance(of_all.trace)
        windows_of_all = charge_windows(of_all.trace, cleaned_sessions(of_all.trace, profile))
    growth = resistance_trend(ohm_of_all)
    pairs = Pairs.of(trace)
    counters, data_quality = (
        passport(trace, found, pairs, growth, profile),
        quality(trace, cleaned.removed, pairs),
    )
    charged_kwh = pairs.kwh_in - pairs.kwh_out
    # The pairs of a year take as much memory as its readings.
    del pairs
    return Battery(
        passport=counters,
        consumption=consumption(trace, found),
        resistance=ohm,
        resistance_trend=growth,
        capacity=capacity(windows, profile.capacity_ah),
        capacity_trend=capacity_trend(windows_of_all, profile, newest_soh(trace)),
        ageing=ageing(of_all.trace),
        durability=durability(trace, profile),
        use=battery_use(trace, found, charged_kwh, counters.cycles, profile),
        quality=data_quality,
    )
