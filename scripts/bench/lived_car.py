"""A simulated car that drives, charges and rests, stored as input of the diagnoses."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scripts.bench import sample_readings
from scripts.bench.binary_copy import COLUMNS
from scripts.bench.database import Database
from scripts.bench.progress import Progress
from scripts.launcher.http_client import Client
from scripts.launcher.module import Api
from scripts.simulator.vehicle import Vehicle
from shared.rollups import rebuild
from shared.storage.engine import writer_engine

VIN = "BENCH-CAR"
_PROFILE = {"series_cells": 96, "chemistry": "NMC", "capacity_ah": 60, "energy_kwh": 21.6}
_SEED = "1"
_SHOWN_EVERY = 50_000


@dataclass(frozen=True, slots=True)
class SimulatedCar:
    """A car with `readings` readings, one every `step_s` seconds from `start` on."""

    readings: int
    step_s: int
    start: datetime = sample_readings.START

    def __str__(self) -> str:
        days = self.readings * self.step_s / 86_400
        return f"{days:.3g} days of a reading every {self.step_s} s ({self.readings:,})"

    def store(self, place: Database) -> None:
        """Insert the readings by COPY, then rebuild the hourly rollups."""
        vehicle = Vehicle(VIN, _SEED, self.start.timestamp())
        copied = f"COPY telemetry ({', '.join(COLUMNS)}) FROM STDIN"
        with place.connect() as connection, Progress(f"stores {self}", self.readings) as progress:
            with connection.cursor() as cursor, cursor.copy(copied) as copy:
                for number in range(self.readings):
                    ts = self.start + timedelta(seconds=number * self.step_s)
                    signals = vehicle.reading("")
                    copy.write_row((VIN, ts, ts, *(signals[name] for name in COLUMNS[3:])))
                    vehicle.advance(self.step_s)
                    if number % _SHOWN_EVERY == 0:
                        progress.reach(number)
            engine = writer_engine(place.url, name="bench")
            rebuild(engine)
            engine.dispose()
            connection.execute("VACUUM ANALYZE")
            progress.reach(self.readings)

    def put_profile(self, api: Api) -> None:
        """Store the car's profile by PUT: without one, rules would be skipped."""
        Client(api.base_url).put(f"/api/vehicles/{VIN}/profile", _PROFILE)
