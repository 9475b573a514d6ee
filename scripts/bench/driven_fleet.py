"""A fleet that drives once a day for thirty days, stored before a measurement."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from scripts.bench.binary_copy import COLUMNS
from scripts.bench.database import Database
from scripts.bench.progress import Progress
from scripts.bench.sample_readings import START
from shared.rollups import rebuild
from shared.storage.engine import writer_engine

DAYS = 30
STEP, DENSE_STEP = timedelta(minutes=1), timedelta(seconds=10)
DENSE = 99_000
"""The vehicle that reports all day: its days begin at midnight."""

_ALL_DAY = timedelta(days=1) // DENSE_STEP
MOST_VEHICLES = 5_000
FEWEST_READINGS = 600
# A vehicle's day ends before the next one begins.
MOST_READINGS = MOST_VEHICLES * DAYS * 800

_EACH_DAY = FEWEST_READINGS // DAYS
# In the order of arrival: the vehicles of a minute send their readings one after the other. A vehicle drives
# `driven` minutes from the day's first reading on, on odd days a quarter of the readings more; its odometer
# and soc stand still until the next day, before which it is charged.
_INSERT = f"""
    INSERT INTO telemetry ({", ".join(COLUMNS)})
    SELECT 'BENCH-' || lpad(vehicle::text, 5, '0'),
        %(start)s::timestamptz + day * interval '1 day' + (vehicle %% 600 + number) * %(step)s::interval,
        now(), 20 + vehicle %% 70 - round(9.5 * least(number, driven) / %(each_day)s, 1), 92.0,
        350 + (vehicle + number) %% 99 / 10.0,
        CASE WHEN number <= driven THEN 8.5 + (vehicle + number) %% 7 / 10.0 ELSE 0.5 END,
        25 + (vehicle + number) %% 11, 21.5, 1000.5 + before + least(number, driven)
    FROM generate_series(%(first)s::integer, %(last)s::integer) AS vehicle,
        generate_series(0, %(each_day)s - 1) AS number,
        LATERAL (SELECT %(day)s AS day, %(each_day)s / 4 + vehicle %% 3 AS short) AS one,
        LATERAL (SELECT short + day %% 2 * %(longer)s AS driven, day * short + day / 2 * %(longer)s AS before)
            AS other
    ORDER BY vehicle %% 600 + number, vehicle
"""  # noqa: S608 - of our own columns


@dataclass(frozen=True, slots=True)
class DrivenFleet:
    """Vehicles with `each_day` readings a day, one a minute, from a minute of the vehicle's own on.

    One more, DENSE, has `dense_each_day` readings, one every ten seconds.
    """

    vehicles: int
    each_day: int
    dense_each_day: int

    def __str__(self) -> str:
        dense = f"one with {self.dense_each_day * DAYS:,}"
        return f"{self.readings:,} readings of {self.vehicles:,} vehicles and {dense} in {DAYS} days"

    @property
    def readings(self) -> int:
        """The number of readings of all vehicles but DENSE."""
        return self.vehicles * self.each_day * DAYS

    @property
    def end(self) -> datetime:
        """The end of the last day."""
        return START + timedelta(days=DAYS)

    @property
    def long_drive(self) -> timedelta:
        """The least duration of the dense vehicle's drives on odd days; those of even days are shorter."""
        return self.dense_each_day // 2 * DENSE_STEP

    def store(self, place: Database) -> None:
        """Insert the readings into an empty database by SQL, then rebuild everything derived from them."""
        with place.connect() as connection, Progress(f"stores {self}", self.readings) as progress:
            for day in range(DAYS):
                _insert(connection, day, range(self.vehicles), STEP, self.each_day)
                _insert(connection, day, range(DENSE, DENSE + 1), DENSE_STEP, self.dense_each_day)
                progress.reach((day + 1) * self.vehicles * self.each_day)
            # The rebuild commits several times a vehicle; none of these commits has to survive a crash.
            connection.execute("ALTER ROLE CURRENT_USER SET synchronous_commit TO off")
            engine = writer_engine(place.url, name="bench")
            rebuild(engine)
            engine.dispose()
            connection.execute("ALTER ROLE CURRENT_USER RESET synchronous_commit")
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def write(self, place: Database, path: Path) -> None:
        """Write the readings as CSV by vin, then ts: times are UTC without a zone."""
        columns = ", ".join(
            f"{name} AT TIME ZONE 'UTC' AS {name}" if name in {"ts", "received_at"} else name
            for name in COLUMNS
        )
        copy = f"COPY (SELECT {columns} FROM telemetry ORDER BY vin, ts) TO STDOUT (FORMAT csv, HEADER)"  # noqa: S608
        with place.connect() as connection, path.open("wb") as file, connection.cursor().copy(copy) as rows:
            for row in rows:
                file.write(row)


def driven_fleet(readings: int) -> DrivenFleet:
    """Return a fleet with about so many readings: of 5,000 vehicles, or fewer with 20 readings a day each."""
    vehicles = max(1, min(MOST_VEHICLES, readings // FEWEST_READINGS))
    dense = max(_EACH_DAY, min(_ALL_DAY, readings // 100))
    return DrivenFleet(vehicles, max(_EACH_DAY, readings // (vehicles * DAYS)), dense)


def _insert(
    connection: psycopg.Connection[Any], day: int, vehicles: range, step: timedelta, each_day: int
) -> None:
    values = {
        "start": START,
        "step": step,
        "day": day,
        "first": vehicles.start,
        "last": vehicles.stop - 1,
        "each_day": each_day,
        "longer": each_day // 2 - each_day // 4,
    }
    connection.execute(_INSERT, values)
