"""The simulator's messages in a dialect on a real broker."""

import os
import re
import subprocess
import sys
import time

import pytest

from scripts.launcher.guard import ROOT
from scripts.simulate import plan
from scripts.simulator import options
from scripts.simulator.dialects.encoder import Car
from scripts.simulator.dialects.registry import DIALECTS
from shared.wire.sparkplug import rebirth_request
from tests.conftest import collected, eventually

START = "2026-03-01T10:00:00Z"
FLEET = ["--vehicles", "2", "--rate", "2", "--duration", "2", "--start", START]


@pytest.fixture
def received(broker):
    """Collect every message that the broker delivers: topic, payload, QoS; in the order of arrival."""
    with collected(broker, "#") as found:
        yield found


@pytest.fixture
def environment(broker):
    return os.environ | {"MQTT_HOST": broker.host, "MQTT_PORT": str(broker.port), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def simulate(environment, tmp_path):
    """Run it to its end as a person does."""

    def run(*arguments):
        command = [sys.executable, "-m", "scripts.simulate", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def expected(name):
    """Compute every message of the run, in the order of the readings."""
    _, due_readings, vins = plan(options.parse([*FLEET, "--dialect", name]))
    cars = {vin: Car(number, vin) for number, vin in enumerate(vins, start=1)}
    return [
        message for _, vin, reading in due_readings for message in DIALECTS[name].encode(reading, cars[vin])
    ]


@pytest.mark.parametrize("name", ["ovms", "tesla-fleet-telemetry", "vss"])
def test_every_message_arrives(broker, simulate, received, tmp_path, name):
    """With topic, payload and QoS, none on our own topics; retained where the device does so."""
    ended = simulate(*FLEET, "--dialect", name, "--mapping", "sources.toml")
    assert ended.returncode == 0, ended.stderr
    assert "8 readings published in" in ended.stdout
    assert "8 acknowledged" in ended.stdout
    messages = expected(name)
    eventually(lambda: len(received) >= len(messages))
    arrived = [message for message in received if not message[0].startswith("$SYS")]
    sent = [(topic, payload, qos) for topic, payload, qos, _ in messages]
    if DIALECTS[name].is_unordered:
        assert arrived != sent
        arrived, sent = sorted(arrived), sorted(sent)
    assert arrived == sent
    assert f'dialect = "{name}"' in (tmp_path / "sources.toml").read_text()

    command = ["mosquitto_sub", "-h", broker.host, "-p", str(broker.port), "-t", "#", "-W", "2"]
    listed = subprocess.run(
        [*command, "--retained-only", "-F", "%t"], capture_output=True, text=True, check=False
    )
    assert set(listed.stdout.split()) == {topic for topic, _, _, retain in messages if retain}


def test_the_mapping_is_printed(simulate):
    """Without --mapping, before the figures; the broker's answers are the same."""
    ended = simulate("--vehicles", "1", "--duration", "1", "--speedup", "0", "--dialect", "teslamate")
    assert ended.returncode == 0
    assert ended.stdout.startswith(
        "# The worker's mapping file (MQTT_SOURCES) for these vehicles:\n"
        '[[source]]\ndialect = "teslamate"\nprefix = "teslamate"\n\n[source.vehicles]\n1 = "SIM-000001"\n'
    )
    assert "1 readings published in 3 messages, 1 acknowledged" in ended.stdout


def test_messages_of_qos_0_are_lost_while_the_broker_is_away(broker, environment, tmp_path, received):
    """The run goes on after a restart of the broker, says how many were lost, and ends with status 1."""
    command = [sys.executable, "-m", "scripts.simulate", "--duration", "8", "--dialect", "wican"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        eventually(lambda: received)
        broker.kill()
        time.sleep(1.5)
        broker.start()
        out, error = process.communicate(timeout=60)
    assert process.returncode == 1
    lost = int(re.search(r"^(\d+) messages of QoS 0 were lost: no connection$", error, re.MULTILINE)[1])
    assert 0 < lost < 160
    # One message is one reading here.
    assert f"160 readings published in 160 messages, {160 - lost} acknowledged" in out
    assert f"{lost} readings stayed unacknowledged" in error


SPARKPLUG = "spBv1.0/demo"


def verbs(received):
    return [topic.split("/")[2] for topic, *_ in received if topic.startswith(SPARKPLUG)]


def test_sparkplug_begins_with_births_and_ends_with_a_death(simulate, received):
    """Of the edge node and of both cars; each message has the number after the one before."""
    ended = simulate(*FLEET, "--dialect", "sparkplug")
    assert ended.returncode == 0, ended.stderr
    assert "8 readings published in 8 messages, 8 acknowledged" in ended.stdout
    births, data = ["NBIRTH", "DBIRTH", "DBIRTH"], ["DDATA"] * 8
    eventually(lambda: len(verbs(received)) >= 12)
    assert verbs(received) == [*births, *data, "NDEATH"]
    own = [payload for topic, payload, _ in received if topic.startswith(SPARKPLUG)]
    assert [payload[-2:] for payload in own[:-1]] == [bytes([0x18, number]) for number in range(11)]


def test_sparkplug_answers_a_request_for_births(broker, environment, tmp_path, received):
    """Births come again on command and on a new connection; the broker publishes the death after a kill."""
    command = [sys.executable, "-m", "scripts.simulate", "--duration", "60", "--dialect", "sparkplug"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            eventually(lambda: "DDATA" in verbs(received))
            edges = verbs(received).count("NBIRTH")
            request = ["mosquitto_pub", "-h", broker.host, "-p", str(broker.port), "-s"]
            request += ["-t", f"{SPARKPLUG}/NCMD/simulator"]
            subprocess.run(request, input=b"no command", check=True)
            subprocess.run(request, input=rebirth_request(1772359200000), check=True)
            eventually(lambda: verbs(received).count("NBIRTH") == edges + 1)
        finally:
            process.kill()
    eventually(lambda: verbs(received)[-1] == "NDEATH")
    assert verbs(received).count("NBIRTH") == edges + 1
