"""Simulated Sparkplug cars on a real broker, read by the decoder with births of a real database."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue

import paho.mqtt.client as mqtt
import pytest

from scripts.launcher.guard import ROOT
from scripts.simulator.dialects.encoder import Car
from scripts.simulator.dialects.registry import DIALECTS
from scripts.simulator.dialects.sources_file import sources_toml
from shared.sources.sparkplug_decoder import SparkplugDecoder
from shared.storage.sparkplug_births import ReceivedBirth, keep_births, load_birth, nodes_of_edge
from shared.wire.connectivity import Status
from tests.conftest import eventually
from tests.mapped import mapping

CARS = [Car(1, "SIM-000001"), Car(2, "SIM-000002")]


class Host:
    """A worker in small: what it decodes is stored or published at once."""

    def __init__(self, broker, engine):
        self.sources = mapping(sources_toml(DIALECTS["sparkplug"], CARS))
        self.rows, self.rejections, self.statuses, self.requests = [], [], [], []
        self._engine = engine
        self._decoder = SparkplugDecoder(self._load, self._nodes, time.monotonic)
        self._arrived, granted = SimpleQueue(), []
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe([(each, 1) for each in self.filters])
        self._client.on_subscribe = lambda *_: granted.append(True)
        self._client.on_message = lambda _client, _data, message: self._arrived.put(message)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        eventually(lambda: granted)

    @property
    def filters(self):
        return self.sources.filters

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()

    def read(self):
        """Take all that has arrived; return itself."""
        while not self._arrived.empty():
            message, now = self._arrived.get(), datetime.now(UTC)
            topic = message.topic.encode()
            found = self._decoder.decode(
                self.sources.match(topic),
                topic,
                message.payload,
                received_at=now,
                latest=now + timedelta(minutes=5),
            )
            self.rows += found.rows
            self.rejections += found.rejections
            self.statuses += found.statuses
            if found.birth is not None:
                with self._engine.begin() as connection:
                    node, birth = found.birth
                    keep_births(connection, {node: ReceivedBirth(birth, now)})
            if found.request is not None:
                self.requests.append(found.request)
                self._client.publish(*found.request, qos=0)
        return self

    def _load(self, node):
        with self._engine.connect() as connection:
            return load_birth(connection, node)

    def _nodes(self, edge):
        with self._engine.connect() as connection:
            return nodes_of_edge(connection, edge)


@pytest.fixture
def start_host(broker, engine):
    hosts = []

    def start():
        hosts.append(Host(broker, engine))
        return hosts[-1]

    yield start
    for host in hosts:
        host.close()


@pytest.fixture
def simulator(broker, tmp_path):
    """Start the simulated cars; a kill ends them."""
    environment = os.environ | {
        "MQTT_HOST": broker.host,
        "MQTT_PORT": str(broker.port),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "scripts.simulate", "--dialect", "sparkplug", "--vehicles", "2"]
    with subprocess.Popen(
        [*command, "--rate", "5", "--duration", "60"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        yield process
        process.kill()


def vins(host):
    return {row.vin for row in host.rows}


def test_a_host_that_comes_late_asks_for_the_births(simulator, start_host, broker):
    """Until they arrive, messages with aliases are rejections, those with names are readings."""
    watched = []
    watcher = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    watcher.on_message = lambda *_: watched.append(True)
    watcher.connect(broker.host, broker.port)
    watcher.subscribe("spBv1.0/demo/DDATA/#")
    watcher.loop_start()
    eventually(lambda: len(watched) > 2)
    watcher.disconnect()
    watcher.loop_stop()

    host = start_host()
    eventually(lambda: vins(host.read()) == {"SIM-000001", "SIM-000002"})
    assert [topic for topic, _ in host.requests] == ["spBv1.0/demo/NCMD/simulator"]
    refused = host.rejections
    assert {(each.vin, each.reason.value) for each in refused} == {("SIM-000002", "unknown_alias")}
    seen = len(host.rows)
    eventually(lambda: len(host.read().rows) > seen + 10)
    assert host.rejections == refused
    assert {(status.vin, status.status) for status in host.statuses} == {
        ("SIM-000001", Status.ONLINE),
        ("SIM-000002", Status.ONLINE),
    }

    # The next host finds the births in the database, and asks for them once all the same.
    later = start_host()
    eventually(lambda: vins(later.read()) == {"SIM-000001", "SIM-000002"})
    eventually(lambda: later.read().statuses)
    assert later.rejections == []
    assert len(later.requests) == 1

    simulator.kill()
    eventually(lambda: len([each for each in later.read().statuses if each.status is Status.OFFLINE]) == 2)
