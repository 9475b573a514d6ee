"""A car's routine: the same trips every day, in place of a randomly drawn schedule."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from scripts.simulator.climate import DAY_S
from scripts.simulator.schedule import Departure


@dataclass(frozen=True, slots=True)
class Routine:
    """The same trips every day, given relative to one moment and repeated before and after it."""

    anchor: float
    """Seconds since 1970."""
    trips: Sequence[tuple[float, float]]
    """For each trip: seconds from its begin to `anchor` (it repeats every whole day), and its km."""

    def after(self, now: float) -> Departure:
        """Return the first departure later than `now` (seconds since 1970)."""
        return min(
            Departure(at + DAY_S * (floor((now - at) / DAY_S) + 1), km)
            for before, km in self.trips
            for at in [self.anchor - before]
        )
