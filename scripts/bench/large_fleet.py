"""The readings of a fleet, stored before a measurement."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from scripts.bench import sample_readings
from scripts.bench.binary_copy import COLUMNS
from scripts.bench.database import Database
from scripts.bench.progress import Progress
from shared.rollups import rebuild
from shared.storage.engine import writer_engine

STEP_S = 10

_AT_ONCE = 100_000
# In the order of arrival: each turn holds one reading of every vehicle. Values as in sample_readings.signals.
_INSERT = f"""
    INSERT INTO telemetry ({", ".join(COLUMNS)})
    SELECT 'BENCH-' || lpad((number %% %(vehicles)s)::text, 5, '0'),
        %(start)s + number / %(vehicles)s * %(step)s, now(),
        10 + number %% 890 / 10.0, 92.0, 300 + number %% 990 / 10.0, 95.0, 42.0, 33.0, 1201.2
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number ORDER BY number
"""  # noqa: S608 - of our own columns


@dataclass(frozen=True, slots=True)
class Fleet:
    """Vehicles with `readings_each` readings, one every ten seconds from `start` on."""

    vehicles: int
    readings_each: int
    start: datetime = sample_readings.START

    def __str__(self) -> str:
        vehicles = "one vehicle" if self.vehicles == 1 else f"{self.vehicles:,} vehicles"
        return f"{self.readings:,} readings of {vehicles}"

    @property
    def readings(self) -> int:
        """The number of readings of all vehicles."""
        return self.vehicles * self.readings_each

    @property
    def vins(self) -> list[str]:
        return [sample_readings.vin(vehicle) for vehicle in range(self.vehicles)]

    @property
    def newest(self) -> datetime:
        """The time of each vehicle's last reading."""
        return self.start + timedelta(seconds=STEP_S * (self.readings_each - 1))

    def samples(self, from_ts: datetime, to_ts: datetime) -> int:
        """Count the readings of one vehicle in a window, both ends included."""
        step = timedelta(seconds=STEP_S)
        before = max(0, -((self.start - from_ts) // step))
        until = min(self.readings_each - 1, (to_ts - self.start) // step)
        return max(0, until - before + 1)

    def store(self, place: Database) -> None:
        """Insert the readings into an empty database by SQL, then rebuild everything derived from them."""
        with place.connect() as connection, Progress(f"stores {self}", self.readings) as progress:
            for first in range(0, self.readings, _AT_ONCE):
                last = min(first + _AT_ONCE, self.readings) - 1
                self._insert(connection, first, last)
                progress.reach(last + 1)
            engine = writer_engine(place.url, name="bench")
            rebuild(engine)
            engine.dispose()
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def _insert(self, connection: psycopg.Connection[tuple[Any, ...]], first: int, last: int) -> None:
        parameters = {
            "vehicles": self.vehicles,
            "start": self.start,
            "step": timedelta(seconds=STEP_S),
            "first": first,
            "last": last,
        }
        connection.execute(_INSERT, parameters)


def fleet_of(readings: int, vehicles: int) -> Fleet:
    """Return a fleet with about so many readings; fewer vehicles where there are fewer readings."""
    vehicles = min(vehicles, readings)
    return Fleet(vehicles, readings // vehicles)
