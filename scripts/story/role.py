"""What one car of the story is, does and suffers from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from scripts.simulator.battery_pack import CAPACITY_AH, CELLS
from scripts.simulator.charger import Charger
from scripts.simulator.climate import DAY_S
from scripts.story.trouble import Trouble

Stretch = tuple[float, float]
"""From when to when it is watched, seconds since 1970."""

HOUR_S, MINUTE_S = 3600.0, 60.0
_YEAR_S = 365.25 * DAY_S


@dataclass(frozen=True, kw_only=True)
class Role:
    """A car; times are told from now backwards, so that the story is the same on every day."""

    vin: str
    says: str
    """What is to be seen of it, for a person."""
    years: float
    """Its age."""
    km_per_day: float
    soc: float
    """When it is first seen, %."""
    trips: tuple[tuple[float, float], ...]
    """What it drives every day: hours before now, km."""
    under_way: tuple[float, float] | None = None
    """The trip it is on: minutes since it began, km."""
    age_pace: float = 1.0
    climate_c: float = 15.0
    """Mean of the year."""
    home: Charger = field(default_factory=lambda: Charger(7_400.0, 90.0))
    plug_in_below: float = 70.0
    watched_s: float = 3 * DAY_S
    """How long it has sent readings; or, with `sampled`, how long each time."""
    sampled: int = 1
    """How many times it was watched, every tenth day, today included."""
    silent_s: float = 0.0
    """How long ago it fell silent; then it does not go on."""
    trouble: Callable[[float, float | None], Trouble] | None = None
    """From now to what is the matter with it; and from the temperature (°C) it was last heard of with, where
    that was on this trip."""
    has_profile: bool = True

    @property
    def lives(self) -> bool:
        return not self.silent_s

    def stretches(self, now: float) -> Iterator[Stretch]:
        """When it was watched, the earliest first."""
        end = now - self.silent_s
        for number in reversed(range(self.sampled)):
            last = end - number * 10 * DAY_S
            yield last - self.watched_s, last

    def built_at(self, now: float) -> float:
        return now - self.years * _YEAR_S

    def odo_km(self, at: float, now: float) -> float:
        """What its odometer would show at `at` by its average."""
        return round((at - self.built_at(now)) / DAY_S * self.km_per_day, 1)

    def profile(self, now: float) -> dict[str, object]:
        """What its papers say; the pack is the simulator's."""
        first_use = datetime.fromtimestamp(self.built_at(now), UTC).date()
        return {
            "series_cells": CELLS,
            "chemistry": "NMC",
            "capacity_ah": CAPACITY_AH,
            "energy_kwh": 22.5,
            "first_use_date": first_use.isoformat(),
        }
