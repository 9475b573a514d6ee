"""A car of the demo: its state, trips and defect."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from scripts.demo_cars.defects import Defect
from scripts.simulator.battery_pack import CAPACITY_AH, CELLS
from scripts.simulator.charger import Charger
from scripts.simulator.climate import DAY_S

Stretch = tuple[float, float]
"""Begin and end of a time with readings, seconds since 1970."""

HOUR_S, MINUTE_S = 3600.0, 60.0
_YEAR_S = 365.25 * DAY_S


@dataclass(frozen=True, kw_only=True)
class DemoCar:
    """A demo car. Times are relative to now, so that the demo is the same on every day."""

    vin: str
    description: str
    """A few words for a person."""
    years: float
    """Its age."""
    km_per_day: float
    soc: float
    """State of charge at the first reading, %."""
    trips: tuple[tuple[float, float], ...]
    """Daily trips: hours before now, km."""
    under_way: tuple[float, float] | None = None
    """The present trip: minutes since its begin, km."""
    age_pace: float = 1.0
    climate_c: float = 15.0
    """Mean of the year."""
    home: Charger = field(default_factory=lambda: Charger(7_400.0, 90.0))
    plug_in_below: float = 70.0
    watched_s: float = 3 * DAY_S
    """Length of the past; with `sampled`, of each sample."""
    sampled: int = 1
    """Number of samples, one every tenth day, today included."""
    silent_s: float = 0.0
    """Time since the last reading; above 0 the car publishes no live readings."""
    defect: Callable[[float, float | None], Defect] | None = None
    """Builds the defect from the present time, and from the last stored temperature (°C) where that is of the
    present trip."""
    has_profile: bool = True

    @property
    def is_live(self) -> bool:
        return not self.silent_s

    def stretches(self, now: float) -> Iterator[Stretch]:
        """Yield the times with readings, the earliest first."""
        end = now - self.silent_s
        for number in reversed(range(self.sampled)):
            last = end - number * 10 * DAY_S
            yield last - self.watched_s, last

    def built_at(self, now: float) -> float:
        return now - self.years * _YEAR_S

    def odo_km(self, at: float, now: float) -> float:
        """Return the odometer at `at` by the car's average."""
        return round((at - self.built_at(now)) / DAY_S * self.km_per_day, 1)

    def profile(self, now: float) -> dict[str, object]:
        """Return the vehicle's profile; the pack is the simulator's."""
        first_use = datetime.fromtimestamp(self.built_at(now), UTC).date()
        return {
            "series_cells": CELLS,
            "chemistry": "NMC",
            "capacity_ah": CAPACITY_AH,
            "max_charge_a": 2.5 * CAPACITY_AH,
            "energy_kwh": 22.5,
            "first_use_date": first_use.isoformat(),
        }
