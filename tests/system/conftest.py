"""The whole system, as processes, started by the launcher that the demo uses."""

import csv
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from scripts import dashboard
from scripts.launcher.guard import ROOT
from scripts.launcher.stack import Stack
from scripts.simulator.fleet import readings
from scripts.simulator.timetable import Timetable
from shared.wire.reading import SIGNALS
from tests.calls import plain_client
from tests.conftest import FAST, server_folder


@pytest.fixture(scope="session", autouse=True)
def _built_dashboard():
    """Build pages from the present sources, also where pytest runs without ./scripts/test.sh."""
    dashboard.build()


@pytest.fixture
def stack():
    with server_folder() as folder, Stack(folder, postgres_settings=FAST) as running:
        yield running


@pytest.fixture
def call(stack):
    with plain_client(stack.base_url, timeout=10) as client:
        yield client


@pytest.fixture
def query(stack):
    """Run a statement on the database itself: `query(sql)`."""

    def run(sql):
        with psycopg.connect(stack.database_url) as connection:
            return connection.execute(sql).fetchall()

    return run


@pytest.fixture
def simulate(stack, tmp_path):
    """Run the simulator to its end: `simulate(*arguments)` returns its exit code and output."""

    def run(*arguments):
        return subprocess.run(
            simulator_command(*arguments),
            env=simulator_env(stack),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def simulator_command(*arguments):
    return [sys.executable, "-m", "scripts.simulate", *map(str, arguments)]


def simulator_env(stack):
    host, port = stack.mqtt
    return {**os.environ, "PYTHONPATH": str(ROOT), "MQTT_HOST": host, "MQTT_PORT": str(port)}


class Recording:
    """Recorded readings in a CSV file with the contract's columns."""

    def __init__(self, path):
        self.path = path
        with path.open(newline="") as file:
            self.readings = [
                {"vin": row["vin"], "ts": row["ts"]} | {name: number(row[name]) for name in SIGNALS}
                for row in csv.DictReader(file)
            ]
        self.vin = self.readings[0]["vin"]
        self.newest = max(self.readings, key=lambda reading: moment(reading["ts"]))

    def __len__(self):
        return len(self.readings)

    @property
    def summary(self):
        def values(name):
            return [reading[name] for reading in self.readings if reading[name] is not None]

        times = sorted((reading["ts"] for reading in self.readings), key=moment)
        return {
            "vin": self.vin,
            "from_ts": times[0],
            "to_ts": times[-1],
            "samples": len(self.readings),
            "soc_min": min(values("soc"), default=None),
            "soc_max": max(values("soc"), default=None),
            "temp_max": max(values("max_temp"), default=None),
            "temp_min": min(values("min_temp"), default=None),
        }


def number(cell):
    return float(cell) if cell else None


def moment(ts):
    return datetime.fromisoformat(ts)


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    """Read the file that RECORDING names, else record 2,500 readings of a car (no soh, no min_temp)."""
    if named := os.environ.get("RECORDING"):
        return Recording(Path(named))
    path = tmp_path_factory.mktemp("recording") / "drive.csv"
    timetable = Timetable(
        vehicles=1, rate=1.0, duration=2500, start=datetime(2026, 3, 1, 12, tzinfo=UTC), speedup=0
    )
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["vin", "ts", *SIGNALS])
        writer.writeheader()
        for due in readings(timetable, seed=7, vin_prefix="REC-"):
            writer.writerow(due.reading | {"soh": None, "min_temp": None})
    return Recording(path)
