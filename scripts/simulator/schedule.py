"""A car's schedule: drives to work and back, errands, outings at the weekend [our choice]."""

from random import Random
from typing import NamedTuple

from scripts.simulator.climate import DAY_S

_HOUR_S = 3600
_LONGEST_KM = 60.0


class Departure(NamedTuple):
    """The next drive."""

    at: float
    """Seconds since 1970."""
    km: float


class Schedule:
    """The habits of one car's owner.

    Each day is drawn from a generator of its own, so that earlier queries don't change a day.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed
        rng = Random(f"{seed}-habits")
        self._commute_km = min(35.0, max(4.0, rng.lognormvariate(2.6, 0.5)))
        self._leaves_at = rng.uniform(6.0, 8.5)
        self._works_h = rng.uniform(7.5, 9.5)

    def after(self, now: float) -> Departure:
        """Return the first departure later than `now` (seconds since 1970)."""
        day = int(now // DAY_S)
        while True:
            for departure in self._of_day(day):
                if departure.at > now:
                    return departure
            day += 1

    def _of_day(self, day: int) -> list[Departure]:
        rng = Random(f"{self._seed}-{day}")
        # 1970 began on a Thursday.
        hours = self._weekend(rng) if (day + 3) % 7 >= 5 else self._weekday(rng)
        return sorted(Departure(day * DAY_S + hour * _HOUR_S, km) for hour, km in hours)

    def _weekday(self, rng: Random) -> list[tuple[float, float]]:
        trips = []
        if rng.random() < 0.9:
            out = self._leaves_at + rng.gauss(0, 0.15)
            trips += [(out, self._commute_km), (out + self._works_h + rng.gauss(0, 0.3), self._commute_km)]
        if rng.random() < 0.35:
            out, km = rng.uniform(18.5, 20.0), rng.uniform(3, 10)
            trips += [(out, km), (out + rng.uniform(0.6, 2.0), km)]
        return trips

    def _weekend(self, rng: Random) -> list[tuple[float, float]]:
        if rng.random() >= 0.65:
            return []
        out, km = rng.uniform(8.5, 14.0), min(_LONGEST_KM, rng.lognormvariate(2.7, 0.7))
        return [(out, km), (out + rng.uniform(1.5, 6.0), km)]
