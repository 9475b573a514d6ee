"""A simulated car: it drives, plugs in when low, charges, rests, and ages."""

from random import Random
from typing import TypeVar

from scripts.simulator import ageing
from scripts.simulator.battery_pack import CAPACITY_AH, BatteryPack
from scripts.simulator.charger import Charger, braking_current
from scripts.simulator.climate import DAY_S, Climate
from scripts.simulator.drive_cycle import Trip, route, speeds
from scripts.simulator.reading import Reading
from scripts.simulator.road_load import battery_power
from scripts.simulator.routine import Routine
from scripts.simulator.schedule import Schedule
from scripts.simulator.traits import Traits

_DRIVE_STEP_S = 1.0
_CHARGE_STEP_S = 1.0
_COARSE_DRIVE_STEP_S = 2.5
_COARSE_CHARGE_STEP_S = 10.0
_REST_STEP_S = 900.0
"""A parked car only follows the ambient temperature: long steps simulate months quickly."""

_WARM_UP_S = 120.0
"""Simulated before the first reading, so that this is not the first instant of a drive or charge."""

_FAST_CHARGE_W = 46_000.0
_FAST_CHARGE_TO = 80.0
_KM_PER_SOC = 1.2
"""Range that an owner expects of 1 % of a new pack, on the safe side of the 1.5 km of the cycle."""
_RESERVE_KM = 10.0
_STRANDED_SOC = 2.0
_KM_PER_CYCLE = 155.0

_DRAWN = Traits()
_T = TypeVar("_T")


class Vehicle:
    """A car with its battery, its owner's habits and its climate; everything random comes from `seed`."""

    def __init__(self, vin: str, seed: str, start: float, traits: Traits = _DRAWN) -> None:
        """Build the car as it is at `start`, the time of the first reading in seconds since 1970."""
        self.vin = vin
        self._rng = rng = Random(seed)
        # With a routine it is parked at the start, and there is nothing to warm up from.
        warm_up = _WARM_UP_S if traits.routine is None else 0.0
        self.now = start - warm_up
        # Everything is drawn, and then some of it replaced: a fixed trait changes no other trait of the car.
        self._climate = _given_or(traits.climate, Climate(rng.uniform(6.0, 18.0)))
        self.schedule: Schedule | Routine = traits.routine or Schedule(seed)
        self.plug_in_below = _given_or(traits.plug_in_below, rng.uniform(20.0, 60.0))
        drawn = Charger(rng.choice((3_700.0, 7_400.0, 11_000.0)), rng.choice((80.0, 90.0, 100.0)))
        self._home = _given_or(traits.home, drawn)

        self._age_pace = _given_or(traits.age_pace, min(2.2, max(0.5, rng.lognormvariate(0, 0.35))))
        self._built = _given_or(traits.built_at, start - rng.uniform(0.1, 9.0) * 365 * DAY_S)
        drawn_km = (start - self._built) / DAY_S * rng.uniform(15.0, 45.0)
        self._odo_km = _given_or(traits.odo_km, drawn_km)
        self._cycles_before = self._odo_km / _KM_PER_CYCLE
        ambient = self._climate.ambient(self.now)
        soc = _given_or(traits.soc, rng.uniform(15.0, 95.0))
        temp = _given_or(traits.temp, ambient + rng.uniform(0.0, 6.0))
        self.pack = BatteryPack(soc=soc, soh=100.0, temp=temp)
        self._age()

        self._coarse = traits.coarse
        self._trip: Trip | None = None
        self._charger: Charger | None = None
        self.departure = self.schedule.after(self.now)
        if traits.routine is None:
            self._join_midway()
        else:
            self._park()
        self.advance(warm_up)

    @property
    def driving(self) -> bool:
        return self._trip is not None

    @property
    def charging(self) -> bool:
        return self._charger is not None

    @property
    def odo_km(self) -> float:
        return self._odo_km

    def advance(self, seconds: float) -> None:
        """Simulate `seconds`, in steps that suit the car's state."""
        until = self.now + seconds
        while (left := until - self.now) > 0:
            if self._trip:
                self._drive(self._trip, left)
            elif self._charger:
                self._charge(self._charger, left)
            else:
                self._rest(left)
            if not self._trip and self.now >= self.departure.at:
                self._set_off()
        self.now = until
        self._age()

    def reading(self, ts: str) -> Reading:
        """Return the car's signals, rounded to a tenth of each unit, as battery management systems do."""
        pack = self.pack
        return {
            "vin": self.vin,
            "ts": ts,
            "soc": round(min(100.0, max(0.0, pack.soc)), 1),
            "soh": round(pack.soh, 1),
            "pack_voltage": round(pack.voltage, 1),
            # + 0.0: a current of -0.04 A is reported as 0.0, not as -0.0.
            "pack_current": round(pack.current, 1) + 0.0,
            "max_temp": round(pack.max_temp, 1) + 0.0,
            "min_temp": round(pack.min_temp, 1) + 0.0,
            "odo_km": round(self._odo_km, 1),
        }

    def _join_midway(self) -> None:
        """Draw the state at the start: half of the cars drive, some charge, at any hour."""
        fate = self._rng.random()
        if fate < 0.5 and self.pack.soc > 20:
            self.start_trip(self._rng.uniform(8.0, 25.0), self._rng.uniform(0.0, 0.8))
        elif fate < 0.75 and self.pack.soc < 75:
            self._charger = self._home

    def _drive(self, trip: Trip, left: float) -> None:
        longest = _COARSE_DRIVE_STEP_S if self._coarse else _DRIVE_STEP_S
        step = min(left, longest, trip.remaining)
        before = trip.speed
        trip.advance(step)
        after = trip.speed
        mean = (before + after) / 2
        demand = self.pack.current_at_power(battery_power(mean, (after - before) / step))
        self._odo_km += mean * step / 1000
        self._carry(braking_current(self.pack, demand), step)
        if trip.remaining < 1e-6 or self.pack.soc < _STRANDED_SOC:
            self._arrive()

    def _charge(self, charger: Charger, left: float) -> None:
        longest = _COARSE_CHARGE_STEP_S if self._coarse else _CHARGE_STEP_S
        self._carry(charger.current(self.pack), min(left, longest))
        if charger.done(self.pack):
            self._charger = None

    def _rest(self, left: float) -> None:
        self._carry(0.0, min(left, _REST_STEP_S, max(self.departure.at - self.now, 1.0)))

    def _carry(self, current: float, seconds: float) -> None:
        self.pack.carry(current, seconds, self._climate.ambient(self.now))
        self.now += seconds

    def _set_off(self) -> None:
        """Leave when the charge suffices; else charge first, and fast where nothing is plugged in."""
        reach = self.pack.soc * self.pack.soh / 100 * _KM_PER_SOC
        if reach >= self.departure.km + _RESERVE_KM or self.pack.soc >= _FAST_CHARGE_TO:
            self.start_trip(self.departure.km, 0.0)
        elif not self._charger:
            self._charger = Charger(_FAST_CHARGE_W, _FAST_CHARGE_TO)

    def start_trip(self, km: float, share_driven: float) -> None:
        self._charger = None
        profile = speeds(route(km, self._rng))
        self._trip = Trip(
            profile,
            pace=self._rng.uniform(0.9, 1.04),
            elapsed=share_driven * (len(profile) - 1),
        )

    def _arrive(self) -> None:
        self._trip = None
        self.departure = self.schedule.after(self.now)
        self._park()

    def _park(self) -> None:
        if self.pack.soc < self.plug_in_below:
            self._charger = self._home

    def _age(self) -> None:
        cycles = self._cycles_before + self.pack.throughput_ah / (2 * CAPACITY_AH)
        age_days = (self.now - self._built) / DAY_S
        self.pack.soh = ageing.health(age_days, cycles, self._age_pace)


def _given_or(given: _T | None, drawn: _T) -> _T:
    return drawn if given is None else given
