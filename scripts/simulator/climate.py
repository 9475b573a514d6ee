"""The air around a car."""

from dataclasses import dataclass
from math import cos, pi

DAY_S = 86_400
_YEAR_S = 365.2425 * DAY_S
_COLDEST_DAY_S = 18 * DAY_S
_COLDEST_HOUR_S = 4 * 3600
_SEASON_C = 8.0
_DAY_C = 4.0


@dataclass(frozen=True)
class Climate:
    """Seasons and days about a yearly mean (°C), as in central Europe [our choice]."""

    mean: float

    def ambient(self, now: float) -> float:
        """Return the temperature in °C at `now` (seconds since 1970)."""
        season = _SEASON_C * cos(2 * pi * (now - _COLDEST_DAY_S) / _YEAR_S)
        day = _DAY_C * cos(2 * pi * (now - _COLDEST_HOUR_S) / DAY_S)
        return self.mean - season - day
