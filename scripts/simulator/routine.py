"""When a car drives whose days are all alike: a timetable in place of habits that are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from scripts.simulator.climate import DAY_S
from scripts.simulator.schedule import Departure


@dataclass(frozen=True, slots=True)
class Routine:
    """The same trips every day, told from one moment backwards and going on after it."""

    anchor: float
    """Seconds since 1970."""
    trips: Sequence[tuple[float, float]]
    """Of each trip how many seconds before `anchor`, or whole days from there, it begins, and its km."""

    def after(self, now: float) -> Departure:
        """The first departure later than `now` (seconds since 1970)."""
        return min(
            Departure(at + DAY_S * (floor((now - at) / DAY_S) + 1), km)
            for before, km in self.trips
            for at in [self.anchor - before]
        )
