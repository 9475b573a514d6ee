"""The status messages of the simulator's vehicles on a real broker."""

import os
import subprocess
import sys

import paho.mqtt.client as mqtt
import pytest

from scripts.launcher.guard import ROOT
from tests.conftest import eventually


@pytest.fixture
def statuses(broker):
    """Collect every status that the broker delivers, by VIN, in the order of arrival."""
    said, granted = {}, []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.on_connect = lambda *_: client.subscribe("vehicles/+/status", qos=1)
    client.on_subscribe = lambda *_: granted.append(True)
    client.on_message = lambda _client, _data, message: said.setdefault(
        message.topic.split("/")[1], []
    ).append(message.payload.decode())
    client.connect(broker.host, broker.port)
    client.loop_start()
    eventually(lambda: granted)
    yield said
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def simulator(broker, tmp_path):
    """Start it as a person does: `simulator("--vehicles", 3)`; killed at the end if it still runs."""
    running = []

    def start(*arguments):
        env = os.environ | {"MQTT_HOST": broker.host, "MQTT_PORT": str(broker.port), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "scripts.simulate", *map(str, arguments)]
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def retained(broker):
    """Read the statuses that the broker retains, by topic: `retained(vehicles)`."""

    def read(vehicles):
        command = ["mosquitto_sub", "-h", broker.host, "-p", str(broker.port), "-v", "-W", "10"]
        command += ["-t", "vehicles/+/status", "--retained-only", "-C", str(vehicles)]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        return dict(zip(listed[::2], listed[1::2], strict=True))

    return read


@pytest.mark.parametrize("how", [(), ("--confirm",)])
@pytest.mark.parametrize("vehicles", [1, 3])
def test_a_clean_end(simulator, statuses, retained, vehicles, how, run_worker):
    """Each vehicle publishes online and offline, and the broker retains offline; with receipts, too."""
    if how:
        worker = run_worker()
        eventually(lambda: worker.pulse.is_ready)
    assert simulator("--vehicles", vehicles, "--duration", 3, "--speedup", 0, *how).wait(60) == 0
    expected = {f"SIM-{n + 1:06}": ["online", "offline"] for n in range(vehicles)}
    eventually(lambda: statuses == expected)
    assert retained(vehicles) == {f"vehicles/{vin}/status": "offline" for vin in expected}


def test_a_replay(simulator, statuses, tmp_path):
    """The vehicles of the recording, each once."""
    header = "vin,ts,soc,soh,pack_voltage,pack_current,max_temp,min_temp,odo_km\n"
    lines = [f"CAR-0000{n % 2},2026-01-24T12:00:0{n}Z,50,,,,,,\n" for n in range(6)]
    (tmp_path / "drive.csv").write_text(header + "".join(lines))
    assert simulator("--replay", "drive.csv", "--speedup", 0).wait(60) == 0
    eventually(lambda: statuses == {f"CAR-0000{n}": ["online", "offline"] for n in range(2)})


def test_a_lone_vehicle_that_is_killed(simulator, statuses, retained):
    """The broker publishes the vehicle's last will, and retains it."""
    vehicle = simulator("--vehicles", 1)
    eventually(lambda: statuses == {"SIM-000001": ["online"]})
    vehicle.kill()
    eventually(lambda: statuses == {"SIM-000001": ["online", "offline"]})
    assert retained(1) == {"vehicles/SIM-000001/status": "offline"}


def test_several_that_are_killed(simulator, statuses, broker, publisher):
    """One connection has at most one last will, so several vehicles have none: no offline is published."""
    vehicles = simulator("--vehicles", 2)
    eventually(lambda: statuses == {"SIM-000001": ["online"], "SIM-000002": ["online"]})
    vehicles.kill()
    eventually(lambda: "closed its connection" in broker.tail(50))
    # Published after any will would have been.
    publisher("vehicles/SIM-000003/status", b"online")
    eventually(lambda: "SIM-000003" in statuses)
    assert [statuses[vin] for vin in ("SIM-000001", "SIM-000002")] == [["online"], ["online"]]


def test_after_a_reconnect(simulator, statuses, broker):
    """The vehicles publish online again: a will may have been published meanwhile."""
    simulator("--vehicles", 2)
    eventually(lambda: len(statuses) == 2)
    statuses.clear()
    broker.kill()
    (broker.files / "mosquitto.db").unlink(missing_ok=True)
    broker.start()
    again = {"SIM-000001": ["online"], "SIM-000002": ["online"]}
    eventually(lambda: statuses == again, within=20)
