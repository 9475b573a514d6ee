"""The readings of one demo car: its past up to now, then live ones."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from scripts.demo_cars.demo_car import HOUR_S, MINUTE_S, DemoCar, Stretch
from scripts.simulator.climate import DAY_S, Climate
from scripts.simulator.reading import Reading
from scripts.simulator.routine import Routine
from scripts.simulator.timetable import rfc3339
from scripts.simulator.traits import Traits
from scripts.simulator.vehicle import Vehicle

DRIVING_S, CHARGING_S, PARKED_S = 5.0, 10.0, 60.0
"""Seconds between two readings: as few as resistance, capacity and gaps need."""
_RESERVE_SOC = 15.0


class Stored(NamedTuple):
    """The state of a car by its stored readings."""

    at: float
    """Time of the newest reading, seconds since 1970."""
    odo_km: float
    soc: float
    max_temp: float


class CarReadings:
    """The readings of one car; the same arguments give the same past.

    `stored` is None for a car without readings; else the past only fills the time since the newest of them.
    """

    def __init__(self, demo_car: DemoCar, now: float, *, seed: int = 1, stored: Stored | None = None) -> None:
        self.demo_car = demo_car
        self._now = now
        self._seed = seed
        self._stored = stored
        same_trip = demo_car.under_way and stored and now - stored.at < demo_car.under_way[0] * MINUTE_S
        temp = stored.max_temp if stored and same_trip else None
        self._defect = demo_car.defect(now, temp) if demo_car.defect else None
        self._car: Vehicle | None = None
        self._at = now
        self._odo_km = stored.odo_km if stored else 0.0

    def past(self) -> Iterator[Reading]:
        """Yield the readings in the order in which they are sent, the last one now."""
        for stretch in self._missing():
            yield from self._readings_between(*stretch)

    def on(self, at: float) -> list[Reading]:
        """Return the readings that the car sends at this moment after its past: mostly one."""
        if self._car is None:
            self._car, self._at = self._vehicle(at, at), at
        self._car.advance(at - self._at)
        self._at = at
        return self._readings(self._car, at)

    def _missing(self) -> Iterator[Stretch]:
        newest = self._stored.at if self._stored else 0.0
        if self._stored and not self.demo_car.is_live:
            return
        for begin, end in self.demo_car.stretches(self._now):
            if (first := max(begin, newest + 1)) <= end:
                yield first, end

    def _readings_between(self, begin: float, end: float) -> Iterator[Reading]:
        self._car, self._at = car, at = self._vehicle(begin, end), begin
        while True:
            yield from self._readings(car, at)
            if at >= end:
                break
            step = DRIVING_S if car.driving else CHARGING_S if car.charging else PARKED_S
            self._at = min(at + step, end)
            car.advance(self._at - at)
            at = self._at
        self._odo_km = car.odo_km

    def _readings(self, car: Vehicle, at: float) -> list[Reading]:
        reading = car.reading(rfc3339(datetime.fromtimestamp(round(at, 3), UTC)))
        times = self._defect.apply(reading, at, driving=car.driving) if self._defect else 1
        return [reading] * times

    def _vehicle(self, begin: float, end: float) -> Vehicle:
        """Build the car as it is at `begin`, with a routine that leads to `end`."""
        demo_car, stored = self.demo_car, self._stored
        soc, odo_km, temp = demo_car.soc, max(self._odo_km, demo_car.odo_km(begin, self._now)), None
        if stored and begin - stored.at < max(demo_car.watched_s, DAY_S):
            soc, odo_km = stored.soc, stored.odo_km
            # The heat of a defect is added to the readings; the simulated pack does not have it.
            temp = None if demo_car.defect or begin - stored.at > HOUR_S else stored.max_temp
        trips = [(hours * HOUR_S, km) for hours, km in demo_car.trips]
        if demo_car.under_way:
            minutes, km = demo_car.under_way
            before = minutes * MINUTE_S
            if before > end - begin:
                # Readings of the present trip are stored: the car is still on it, as far as its charge lasts.
                before, km = end - begin - 1, min(km, max(0.0, soc - _RESERVE_SOC))
            trips.append((before, km))
        traits = Traits(
            soc=soc,
            temp=temp,
            odo_km=odo_km,
            built_at=demo_car.built_at(self._now),
            age_pace=demo_car.age_pace,
            climate=Climate(demo_car.climate_c),
            home=demo_car.home,
            plug_in_below=demo_car.plug_in_below,
            routine=Routine(end, trips),
            coarse=True,
        )
        return Vehicle(demo_car.vin, f"{self._seed}-{demo_car.vin}-{begin:.0f}", begin, traits)
