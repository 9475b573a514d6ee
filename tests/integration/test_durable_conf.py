"""mosquitto/durable.conf: the configuration that saves after each change."""

import paho.mqtt.client as mqtt
import pytest

from scripts.launcher.broker import CONFIG, Broker
from tests.conftest import eventually

DURABLE = CONFIG.with_name("durable.conf")
SENT = [b"%d" % number for number in range(20)]


@pytest.fixture
def broker(tmp_path):
    server = Broker(tmp_path / "mosquitto", config=DURABLE)
    server.start()
    yield server
    server.stop()


def settings(path):
    """Return the lines without comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def client(broker, **options):
    """Connect a client whose loop runs; its messages are collected in `payloads`."""
    one = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, **options)
    one.payloads = []
    one.on_message = lambda _client, _userdata, message: one.payloads.append(message.payload)
    one.connect(broker.host, broker.port)
    one.loop_start()
    eventually(one.is_connected)
    return one


def end(one):
    one.disconnect()
    one.loop_stop()


def test_only_the_saving_differs():
    """Every other line is that of mosquitto.conf, so the file can be mounted in its place."""
    assert settings(DURABLE) - settings(CONFIG) == {"autosave_on_changes true"}
    assert settings(CONFIG) <= settings(DURABLE)


def test_a_kill_costs_at_most_the_last_message_of_a_connection(broker):
    """A message acknowledged before another one is kept after kill -9, without any pause."""
    reader = client(broker, client_id="reader", clean_session=False)
    subscribed = []
    reader.on_subscribe = lambda *_arguments: subscribed.append(True)
    reader.subscribe("a", qos=1)
    eventually(lambda: subscribed)
    end(reader)
    writer = client(broker)
    for payload in SENT:
        writer.publish("a", payload, qos=1).wait_for_publish(10)
    broker.kill()
    end(writer)
    broker.start()
    reader = client(broker, client_id="reader", clean_session=False)
    eventually(lambda: len(reader.payloads) >= len(SENT) - 1)
    end(reader)
    assert reader.payloads in (SENT, SENT[:-1])
