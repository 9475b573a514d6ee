"""All rules over one vehicle's trace: their episodes, and the rules that could not be evaluated."""

from collections.abc import Callable, Collection, Iterable
from itertools import islice

import numpy as np

from shared.diagnostics import (
    clocks,
    current_offset,
    health,
    heating,
    jumps,
    odometer_faults,
    rates,
    sign,
    silences,
    stuck,
    temperatures,
    thresholds,
)
from shared.diagnostics.cleaning import clean
from shared.diagnostics.episode import Episode, Skipped
from shared.diagnostics.missing import InsufficientData, Missing, NotInProfile, unseen
from shared.diagnostics.rule import Code, Rule
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Trace
from shared.vehicle_profile import Profile, without

MAX_EPISODES = 10_000
"""Largest number of episodes of one code. A year of a car has tens; half a million would take a minute."""
_RAW = {
    Code.SOC_JUMP,
    Code.SOC_RECALIBRATED,
    Code.ODO_ROLLBACK,
    Code.ODO_JUMP,
    Code.ODO_ZERO,
    Code.SENSOR_IMPLAUSIBLE,
}
"""Rules about the very values that the cleaning removes; the others judge the cleaned trace."""
_FINDERS: dict[Code, Callable[[Trace, Profile], Iterable[Episode]]] = {
    Code.TEMP_HIGH: thresholds.temp_high,
    Code.TEMP_HIGH_CHARGING: thresholds.temp_high_charging,
    Code.COLD_CHARGING: thresholds.cold_charging,
    Code.TEMP_SPREAD: thresholds.temp_spread,
    Code.TEMP_RISE: rates.temp_rise,
    Code.THERMAL_EVENT: rates.thermal_event,
    Code.HEATING_AT_REST: heating.heating_at_rest,
    Code.SOC_LOW: thresholds.soc_low,
    Code.SOC_JUMP: jumps.soc_jump,
    Code.SOC_RECALIBRATED: jumps.soc_recalibrated,
    Code.PACK_OVERVOLT: thresholds.pack_overvolt,
    Code.PACK_UNDERVOLT: thresholds.pack_undervolt,
    Code.OVERCURRENT: thresholds.overcurrent,
    Code.SOH_LOW: health.soh_low,
    Code.ODO_ROLLBACK: odometer_faults.odo_rollback,
    Code.ODO_JUMP: odometer_faults.odo_jump,
    Code.ODO_ZERO: odometer_faults.odo_zero,
    Code.DATA_GAP: silences.data_gap,
    Code.LATE_DATA: clocks.late_data,
    Code.CLOCK_SKEW: clocks.clock_skew,
    Code.CLOCK_BEHIND: clocks.clock_behind,
    Code.STUCK_SENSOR: stuck.stuck_sensor,
    Code.SENSOR_IMPLAUSIBLE: temperatures.sensor_implausible,
    Code.SENSOR_OFFSET: current_offset.sensor_offset,
    Code.SIGN_SUSPECT: sign.sign_suspect,
}


def episodes(
    trace: Trace, profile: Profile, codes: Collection[Code] = tuple(Code)
) -> tuple[list[Episode], list[Skipped]]:
    """Return the episodes of these rules, in the order of their start, and the rules that were skipped.

    A rule is skipped where the profile lacks a field that the rule needs, and where no reading has its
    signals. OVERCURRENT is evaluated in the direction whose limit is known, and the other direction is
    listed as skipped. Of a code with over 10,000 episodes the first 10,000 are returned, with an entry in
    the skipped rules.
    """
    found: list[Episode] = []
    skipped: list[Skipped] = []
    raw, cleaned = trace, clean(trace).trace
    for code, find in _FINDERS.items():
        if code not in codes:
            continue
        rule = RULES[code]
        trace = raw if code in _RAW else cleaned
        lacks = _lacks(rule, profile)
        missing = lacks[:1] or _unseen(rule, trace)
        if missing:
            skipped.append(Skipped(code, missing[0]))
        if not missing or (code is Code.OVERCURRENT and len(lacks) == 1 and not _unseen(rule, trace)):
            of_rule = list(islice(find(trace, profile), MAX_EPISODES + 1))
            if len(of_rule) > MAX_EPISODES:
                skipped.append(Skipped(code, _more(of_rule.pop())))
            found += of_rule
    return sorted(found, key=lambda each: (each.started_at, each.code)), skipped


def _more(left_out: Episode) -> Missing:
    begin = left_out.started_at.isoformat().replace("+00:00", "Z")
    return InsufficientData(f"only the first {MAX_EPISODES:,} episodes are given, those before {begin}")


def _lacks(rule: Rule, profile: Profile) -> list[Missing]:
    return [
        NotInProfile(without(*group))
        for group in rule.profile
        if all(getattr(profile, name) is None for name in group)
    ]


def _unseen(rule: Rule, trace: Trace) -> list[Missing]:
    def never_in(names: tuple[str, ...]) -> list[str]:
        return [name for name in names if bool(np.isnan(getattr(trace, name)).all())]

    never = never_in(rule.signals)
    if rule.one_of and len(never_in(rule.one_of)) == len(rule.one_of):
        never.append(" or ".join(rule.one_of))
    return [unseen(", ".join(never), len(trace))] if never else []
