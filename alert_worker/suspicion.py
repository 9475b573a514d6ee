"""Vehicles in whose newest readings an episode may begin, found for many vehicles at once.

Each condition is one that the rule can't be met without, with the rule's own thresholds: a vehicle that meets
none of them, and has no open episode, need not be judged. A rule whose conditions need more of the past than
the newest readings is judged over the whole past, at the times that `alert_worker/vehicle_state.py` sets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from shared.diagnostics.masks import Mask
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.trace import Floats
from shared.storage.read_traces import FleetReadings
from shared.vehicle_profile import Chemistry, Profile

WHOLE_ONLY = frozenset(
    {
        Code.SOH_LOW,
        Code.ODO_ROLLBACK,
        Code.ODO_JUMP,
        Code.ODO_ZERO,
        Code.SENSOR_OFFSET,
        Code.SIGN_SUSPECT,
    }
)
"""Rules that only the whole past decides."""
TIMELY = frozenset(
    {
        Code.TEMP_HIGH,
        Code.TEMP_HIGH_CHARGING,
        Code.COLD_CHARGING,
        Code.TEMP_SPREAD,
        Code.TEMP_RISE,
        Code.THERMAL_EVENT,
        Code.HEATING_AT_REST,
        Code.SENSOR_IMPLAUSIBLE,
        Code.SOC_LOW,
        Code.SOC_JUMP,
        Code.SOC_RECALIBRATED,
        Code.PACK_OVERVOLT,
        Code.PACK_UNDERVOLT,
        Code.OVERCURRENT,
        Code.DATA_GAP,
        Code.LATE_DATA,
        Code.CLOCK_SKEW,
        Code.CLOCK_BEHIND,
        Code.STUCK_SENSOR,
    }
)
"""Rules that the readings of some hours decide. A code in neither set is judged over the whole past only."""

_LEAST_GAP_INTERVALS = 4
_GAP_SHARE = 2.5
_LEAST_WARMING_C = 0.3
"""Of a rise by the rule's 0.2 °C/min, the newest two minutes or ten readings show as much."""


@dataclass(frozen=True, slots=True, eq=False)
class Suspects:
    """For each vehicle, by its place: whether it has to be judged."""

    timely: Mask
    """By its last hours."""
    odometer: Mask
    """Over its whole past, since its odometer made a step."""
    soh: Mask
    """Over its whole past, since its state of health is low."""


def suspects(readings: FleetReadings, profiles: Sequence[Profile]) -> Suspects:
    """Return which of the vehicles need to be judged, by their newest readings."""
    number = len(profiles)
    if not len(readings.place):
        nothing = np.zeros(number, np.bool_)
        return Suspects(nothing, nothing, nothing)
    check = _Check(readings, profiles)
    timely, odometer, soh = (np.zeros(number, np.bool_) for _ in range(3))
    timely[check.present] = check.timely()
    odometer[check.place[1:][check.odometer_steps()]] = True
    soh[check.present] = check.least(check.soh) < _least_set(Code.SOH_LOW)
    return Suspects(timely, odometer, soh)


def _least_set(code: Code) -> float:
    return RULES[code].levels[0].set


class _Check:
    def __init__(self, readings: FleetReadings, profiles: Sequence[Profile]) -> None:
        self.place = readings.place
        self.ts, self.received_at, *signals = readings.columns
        self.soc, self.soh, self.voltage, current, self.hot, self.cold, self.odo = signals
        self.profiles = profiles
        self.begins = np.flatnonzero(np.diff(self.place, prepend=-1))
        self.present = self.place[self.begins]
        self.current = current * self._of_each(lambda profile: profile.current_sign)[self.place]
        self.is_same = self.place[1:] == self.place[:-1]

    def least(self, values: Floats) -> Floats:
        """Return the least value of each vehicle that has readings; NaN without any."""
        least: Floats = np.fmin.reduceat(values, self.begins)
        return least

    def most(self, values: Floats) -> Floats:
        """Return the largest value of each vehicle that has readings; NaN without any."""
        most: Floats = np.fmax.reduceat(values, self.begins)
        return most

    def timely(self) -> Mask:
        """Return, for each vehicle that has readings, whether a rule about its last hours may be met."""
        hottest, coldest = self.most(self.hot), self.least(self.cold)
        found: Mask = hottest >= min(_least_set(Code.TEMP_HIGH), _least_set(Code.TEMP_HIGH_CHARGING))
        found |= hottest - coldest >= _least_set(Code.TEMP_SPREAD)
        found |= hottest - self.least(self.hot) >= _least_rise()
        found |= (coldest < _least_set(Code.COLD_CHARGING)) & (self.least(self.current) < -self._cold_limit())
        found |= self.least(self.soc) <= _least_set(Code.SOC_LOW)
        delay = self.received_at - self.ts
        found |= self.most(delay) > _least_set(Code.LATE_DATA)
        found |= self.least(delay) < -_least_set(Code.CLOCK_SKEW)
        found |= self._heating(hottest)
        # -40 °C beside another cell, or beside an earlier value, is a spread that the condition above finds.
        found |= self._any_reading(self.hot < self.cold)
        found |= self._beyond_limits()
        found |= self._soc_steps()
        found |= self._gaps()
        found |= self._stuck()
        return found

    def odometer_steps(self) -> Mask:
        """Return the readings, the first left out, with a step of the odometer that a rule may be about."""
        before = self._filled(self.odo)[:-1]
        now = self.odo[1:]
        step = now - before
        found = (step < _least_set(Code.ODO_ROLLBACK)) | (step > _least_set(Code.ODO_JUMP))
        steps: Mask = (found | ((now == 0) & (before > 0))) & self.is_same
        return steps

    def _heating(self, hottest: Floats) -> Mask:
        """Return where the hottest cell warms up by more than a step, and no reading shows a current."""
        numbers = RULES[Code.HEATING_AT_REST].numbers
        heating: Mask = hottest - self.least(self.hot) >= _LEAST_WARMING_C
        heating &= ~(np.maximum(self.most(self.current), -self.least(self.current)) > numbers["most_a"])
        return heating

    def _cold_limit(self) -> Floats:
        numbers = RULES[Code.COLD_CHARGING].numbers
        return self._of_each(
            lambda profile: (
                numbers["charging_a_without_capacity"]
                if profile.capacity_ah is None
                else numbers["charging_c"] * profile.capacity_ah
            )
        )[self.present]

    def _beyond_limits(self) -> Mask:
        numbers = RULES[Code.OVERCURRENT].numbers

        def discharge(profile: Profile) -> float:
            limit = (
                profile.max_discharge_a or (profile.capacity_ah or 0) * numbers["discharge_c_without_limit"]
            )
            return limit or np.inf

        def charge(profile: Profile) -> float:
            return profile.max_charge_a or np.inf

        def overvolt(profile: Profile) -> float:
            return _pack_limit(Code.PACK_OVERVOLT, profile, np.inf)

        def undervolt(profile: Profile) -> float:
            return _pack_limit(Code.PACK_UNDERVOLT, profile, -np.inf)

        found: Mask = self.most(self.current) > self._of_each(discharge)[self.present]
        found |= self.least(self.current) < -self._of_each(charge)[self.present]
        found |= self.most(self.voltage) > self._of_each(overvolt)[self.present]
        found |= self.least(self.voltage) < self._of_each(undervolt)[self.present]
        return found

    def _soc_steps(self) -> Mask:
        step = np.abs(self.soc[1:] - self._filled(self.soc)[:-1])
        return self._any((step > _least_set(Code.SOC_JUMP)) & self.is_same)

    def _gaps(self) -> Mask:
        """Return where a silence beyond the rhythm may hide a drive or a charge."""
        interval = np.diff(self.ts)
        silent = self._any((interval > _least_set(Code.DATA_GAP)) & self.is_same)
        numbers = RULES[Code.DATA_GAP].numbers
        silent &= (
            (self.most(self.odo) - self.least(self.odo) >= 0.9 * numbers["driven_km"])
            | (self.most(self.soc) - self.least(self.soc) >= 0.9 * numbers["charged_percent"])
            | (self.least(self.current) < 0)
        )
        ends = np.append(self.begins[1:], len(self.ts))
        for number in np.flatnonzero(silent).tolist():
            own = interval[self.begins[number] : ends[number] - 1]
            if len(own) >= _LEAST_GAP_INTERVALS:
                silent[number] = own.max() > _GAP_SHARE * np.median(own)
        return silent

    def _stuck(self) -> Mask:
        """Return where the voltage stands still while the current changes by more than the least span."""
        rule = RULES[Code.STUCK_SENSOR]
        voltage = self._filled(self.voltage)
        changes = np.concatenate(([True], ~self.is_same | (voltage[1:] != voltage[:-1])))
        begins = np.flatnonzero(changes)
        span = np.fmax.reduceat(self.current, begins) - np.fmin.reduceat(self.current, begins)
        ends = np.append(begins[1:], len(self.ts)) - 1
        runs = (span > rule.levels[0].set) & (self.ts[ends] - self.ts[begins] >= rule.seconds)
        found = np.zeros(len(self.profiles), np.bool_)
        found[self.place[begins[runs]]] = True
        flagged: Mask = found[self.present]
        return flagged

    def _any_reading(self, readings: Mask) -> Mask:
        """Return which vehicles have one of these readings."""
        found = np.zeros(len(self.profiles), np.bool_)
        found[self.place[readings]] = True
        flagged: Mask = found[self.present]
        return flagged

    def _any(self, pairs: Mask) -> Mask:
        """Return which vehicles have one of these pairs; pair i ends with reading i + 1."""
        found = np.zeros(len(self.profiles), np.bool_)
        found[self.place[1:][pairs]] = True
        flagged: Mask = found[self.present]
        return flagged

    def _filled(self, values: Floats) -> Floats:
        """Return `values` with NaN replaced by the vehicle's last known one."""
        known = ~np.isnan(values)
        if known.all():
            return values
        last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
        is_own = (last >= 0) & (self.place[np.maximum(last, 0)] == self.place)
        return np.where(is_own, values[np.maximum(last, 0)], np.nan)

    def _of_each(self, fact: Callable[[Profile], float]) -> Floats:
        """Return a fact of each vehicle's profile; equal profiles are asked once."""
        facts: dict[int, float] = {}
        return np.array([_kept(facts, each, fact) for each in self.profiles])


def _least_rise() -> float:
    """Return the least rise (°C) that either rule about a rise can be met with."""
    rise, event = RULES[Code.TEMP_RISE], RULES[Code.THERMAL_EVENT]
    by_minute = rise.levels[0].set * rise.numbers["shortest_window_s"] / 60
    return min(by_minute, event.levels[0].set * event.numbers["longer_than_s"])


def _pack_limit(code: Code, profile: Profile, otherwise: float) -> float:
    if profile.series_cells is None or profile.chemistry is None:
        return otherwise
    rule = RULES[code]
    levels = rule.lfp_levels if profile.chemistry is Chemistry.LFP else rule.levels
    return profile.series_cells * levels[0].set


def _kept(facts: dict[int, float], profile: Profile, fact: Callable[[Profile], float]) -> float:
    if (value := facts.get(id(profile))) is None:
        value = facts[id(profile)] = float(fact(profile))
    return value
