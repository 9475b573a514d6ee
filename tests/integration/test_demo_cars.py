"""The demo's cars against a real broker, worker and API."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from scripts.demo_cars.cars import CARS, COMMUTER, HOT, OFFLINE
from scripts.demo_cars.dialect_cars import OVMS, TESLA, mapping_text
from scripts.demo_cars.stored import Stored, is_published_elsewhere, stored
from scripts.launcher.guard import ROOT
from scripts.launcher.http_client import Client
from shared.wire.reading import SIGNALS
from tests.conftest import eventually

NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)


@pytest.fixture
def start_cars(api, broker, tmp_path):
    """Start the cars' program, as the demo does; killed at the end if it still runs."""
    running = []

    def start(*arguments, **env):
        here = {"MQTT_HOST": broker.host, "MQTT_PORT": str(broker.port), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.demo_cars", str(api.base_url), *arguments],
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
    """Return each car's connectivity, and whether its newest reading is a recent one."""
    items = api.get("/api/vehicles", params={"vin_prefix": "DEMO-"}).json()["items"]
    recent = datetime.now(UTC) - timedelta(seconds=30)
    return {
        one["vin"]: (one["connectivity"]["state"], datetime.fromisoformat(one["ts"]) > recent)
        for one in items
    }


ALIVE = {demo_car.vin: ("online", True) if demo_car.is_live else ("offline", False) for demo_car in CARS}


def test_the_cars_publish_their_past_and_go_on_until_they_are_stopped(api, run_worker, start_cars):
    """All are stored, one of them offline; a second program publishes none; SIGTERM ends with offline."""
    run_worker()
    cars = start_cars()
    assert "readings of 7 cars" in cars.stdout.readline()
    eventually(lambda: states(api) == ALIVE, within=60)
    assert api.get(f"/api/vehicles/{HOT.vin}/profile").json()["capacity_ah"] == 60
    assert api.get(f"/api/vehicles/{COMMUTER.vin}/profile").json()["capacity_ah"] is None
    second = start_cars()
    assert second.stdout.readline() == "published by another demo already\n"
    for process in (second, cars):
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    eventually(lambda: {state for state, _ in states(api).values()} == {"offline"})


def test_killed_cars_have_last_wills(api, run_worker, start_cars):
    """Each car has a last will of its own."""
    run_worker()
    cars = start_cars()
    cars.stdout.readline()
    eventually(lambda: states(api) == ALIVE, within=60)
    cars.kill()
    eventually(lambda: {state for state, _ in states(api).values()} == {"offline"})


def test_cars_in_other_dialects_are_stored_by_their_mapping(api, run_worker, start_cars, tmp_path):
    """Each signal that its dialect has, live only, with our sign; beside the others."""
    (tmp_path / "sources.toml").write_text(mapping_text())
    run_worker(mqtt_sources=tmp_path / "sources.toml")
    start_cars("--dialects").stdout.readline()
    lacking = {OVMS.demo_car.vin: set(), TESLA.demo_car.vin: {"soh"}}
    for vin, names in lacking.items():
        latest = f"/api/vehicles/{vin}/latest"
        eventually(lambda latest=latest: api.get(latest).status_code == 200, within=60)
        found = api.get(latest).json()
        assert {name for name in SIGNALS if found[name] is None} == names
        assert datetime.fromisoformat(found["ts"]) > datetime.now(UTC) - timedelta(seconds=30)
    assert api.get(f"/api/vehicles/{TESLA.demo_car.vin}/latest").json()["pack_current"] < -5
    assert api.get("/api/rejections?vin=" + TESLA.demo_car.vin).json()["items"] == []


def test_without_a_broker_the_program_fails(start_cars):
    """The program ends with a sentence and exit code 1."""
    cars = start_cars(MQTT_PORT="9")
    assert cars.wait(30) == 1
    assert "no session with the broker" in cars.stdout.read()


def test_what_is_known_of_a_car_is_not_its_last_glitch(api, client):
    """The highest of the last odometers and the median of the last socs count; None for an unknown car."""
    assert stored(client, HOT.vin) is None
    glitches = [(100.0, 50.0), (100.5, 49.9), (100.9, 49.8), (0.0, 0.0), (None, None)]
    readings = [
        {"vin": HOT.vin, "ts": f"2026-07-14T12:00:0{second}Z", "odo_km": odo_km, "soc": soc, "max_temp": 61.5}
        for second, (odo_km, soc) in enumerate(glitches)
    ]
    assert api.post("/api/telemetry", json=readings).json()["inserted"] == len(readings)
    assert stored(client, HOT.vin) == Stored(NOW.timestamp() + 4, 100.9, pytest.approx(49.85), 61.5)


def test_a_car_with_a_reading_just_now_is_published_elsewhere(api, client):
    """A reading a moment ago counts; an older one does not, nor a car without readings."""
    assert not is_published_elsewhere(client, OFFLINE.vin, NOW.timestamp())
    api.post("/api/telemetry", json=[{"vin": OFFLINE.vin, "ts": NOW.isoformat(), "soc": 50}])
    assert is_published_elsewhere(client, OFFLINE.vin, NOW.timestamp() + 2)
    assert not is_published_elsewhere(client, OFFLINE.vin, NOW.timestamp() + 60)
