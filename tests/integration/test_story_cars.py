"""The cars of the demo's story against a real broker, worker and API."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from scripts.launcher.client import Client
from scripts.launcher.guard import ROOT
from scripts.story.cast import CAST, COMMUTER, HOT, OFFLINE
from scripts.story.stored import Stored, speaks, stored
from tests.conftest import eventually

NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)


@pytest.fixture
def told(api, broker, tmp_path):
    """Start the cars, as the demo does; they are killed at the end if they still run."""
    running = []

    def start(**env):
        here = {"MQTT_HOST": broker.host, "MQTT_PORT": str(broker.port), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.story", str(api.base_url)],
            cwd=tmp_path,
            env=os.environ | here | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def client(api):
    return Client(str(api.base_url).rstrip("/"))


def states(api):
    """Of each car: its connectivity, and whether its newest reading is of now."""
    items = api.get("/api/vehicles", params={"vin_prefix": "DEMO-"}).json()["items"]
    recent = datetime.now(UTC) - timedelta(seconds=30)
    return {
        one["vin"]: (one["connectivity"]["state"], datetime.fromisoformat(one["ts"]) > recent)
        for one in items
    }


ALIVE = {role.vin: ("online", True) if role.lives else ("offline", False) for role in CAST}


def test_they_tell_their_past_and_live_until_they_are_stopped(api, run_worker, told):
    """All are there, one of them offline; a second teller leaves them alone; SIGTERM ends with offline."""
    run_worker()
    cars = told()
    assert "readings of 7 cars" in cars.stdout.readline()
    eventually(lambda: states(api) == ALIVE, within=60)
    assert api.get(f"/api/vehicles/{HOT.vin}/profile").json()["capacity_ah"] == 60
    assert api.get(f"/api/vehicles/{COMMUTER.vin}/profile").json()["capacity_ah"] is None
    second = told()
    assert second.stdout.readline() == "told by another demo already\n"
    for process in (second, cars):
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    eventually(lambda: {state for state, _ in states(api).values()} == {"offline"})


def test_the_broker_speaks_for_cars_that_are_killed(api, run_worker, told):
    """Each has a will of its own."""
    run_worker()
    cars = told()
    cars.stdout.readline()
    eventually(lambda: states(api) == ALIVE, within=60)
    cars.kill()
    eventually(lambda: {state for state, _ in states(api).values()} == {"offline"})


def test_without_a_broker_they_say_so(told):
    """A sentence and exit code 1."""
    cars = told(MQTT_PORT="9")
    assert cars.wait(30) == 1
    assert "no session with the broker" in cars.stdout.read()


def test_what_is_known_of_a_car_is_not_its_last_glitch(api, client):
    """The highest of the last odometers, the middle one of the last charges; of one unknown, nothing."""
    assert stored(client, HOT.vin) is None
    glitches = [(100.0, 50.0), (100.5, 49.9), (100.9, 49.8), (0.0, 0.0), (None, None)]
    readings = [
        {"vin": HOT.vin, "ts": f"2026-07-14T12:00:0{second}Z", "odo_km": odo_km, "soc": soc, "max_temp": 61.5}
        for second, (odo_km, soc) in enumerate(glitches)
    ]
    assert api.post("/api/telemetry", json=readings).json()["inserted"] == len(readings)
    assert stored(client, HOT.vin) == Stored(NOW.timestamp() + 4, 100.9, pytest.approx(49.85), 61.5)


def test_who_was_heard_of_just_now_is_spoken_for(api, client):
    """By a reading a moment ago; not by one of a while ago, and not one that has sent nothing."""
    assert not speaks(client, OFFLINE.vin, NOW.timestamp())
    api.post("/api/telemetry", json=[{"vin": OFFLINE.vin, "ts": NOW.isoformat(), "soc": 50}])
    assert speaks(client, OFFLINE.vin, NOW.timestamp() + 2)
    assert not speaks(client, OFFLINE.vin, NOW.timestamp() + 60)
