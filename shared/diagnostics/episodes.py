"""All rules over one vehicle's trace: what was the matter and when, and which rules could not be judged."""

from collections.abc import Callable, Collection, Iterable
from itertools import islice

import numpy as np

from shared.diagnostics import (
    clocks,
    health,
    jumps,
    odometer_faults,
    rates,
    sign,
    silences,
    stuck,
    thresholds,
)
from shared.diagnostics.episode import Episode, Skipped
from shared.diagnostics.missing import InsufficientData, Missing, NotInProfile
from shared.diagnostics.profile import Profile, without
from shared.diagnostics.rule import Code, Rule
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Trace

MOST = 10_000
"""Episodes of one code that are given. A year of a car has tens; composing half a million takes a minute."""
_JUDGES: dict[Code, Callable[[Trace, Profile], Iterable[Episode]]] = {
    Code.TEMP_HIGH: thresholds.temp_high,
    Code.TEMP_HIGH_CHARGING: thresholds.temp_high_charging,
    Code.COLD_CHARGING: thresholds.cold_charging,
    Code.TEMP_SPREAD: thresholds.temp_spread,
    Code.TEMP_RISE: rates.temp_rise,
    Code.THERMAL_EVENT: rates.thermal_event,
    Code.SOC_LOW: thresholds.soc_low,
    Code.SOC_JUMP: jumps.soc_jump,
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
    Code.STUCK_SENSOR: stuck.stuck_sensor,
    Code.SIGN_SUSPECT: sign.sign_suspect,
}


def episodes(
    trace: Trace, profile: Profile, codes: Collection[Code] = tuple(Code)
) -> tuple[list[Episode], list[Skipped]]:
    """The episodes by these rules, in the order of their start, and the rules that were skipped.

    A rule is skipped where the profile lacks a field it needs, and where no reading has its signals.
    OVERCURRENT is judged in the direction whose limit is known, and names the other one. Of a code with over
    10,000 episodes the first 10,000 are given, and `skipped` says so.
    """
    found: list[Episode] = []
    skipped: list[Skipped] = []
    for code, judge in _JUDGES.items():
        if code not in codes:
            continue
        rule = RULES[code]
        lacks = _lacks(rule, profile)
        missing = lacks[:1] or _unseen(rule, trace)
        if missing:
            skipped.append(Skipped(code, missing[0]))
        if not missing or (code is Code.OVERCURRENT and len(lacks) == 1 and not _unseen(rule, trace)):
            composed = list(islice(judge(trace, profile), MOST + 1))
            if len(composed) > MOST:
                skipped.append(Skipped(code, _more(composed.pop())))
            found += composed
    return sorted(found, key=lambda each: (each.started_at, each.code)), skipped


def _more(left_out: Episode) -> Missing:
    begin = left_out.started_at.isoformat().replace("+00:00", "Z")
    return InsufficientData(f"only the first {MOST:,} episodes are given, those before {begin}")


def _lacks(rule: Rule, profile: Profile) -> list[Missing]:
    return [
        NotInProfile(without(*group))
        for group in rule.profile
        if all(getattr(profile, name) is None for name in group)
    ]


def _unseen(rule: Rule, trace: Trace) -> list[Missing]:
    def unseen(names: tuple[str, ...]) -> list[str]:
        return [name for name in names if bool(np.isnan(getattr(trace, name)).all())]

    never = unseen(rule.signals)
    if rule.one_of and len(unseen(rule.one_of)) == len(rule.one_of):
        never.append(" or ".join(rule.one_of))
    return [InsufficientData(f"no reading has {', '.join(never)}")] if never else []
