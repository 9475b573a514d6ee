"""The broker's in-flight window and the worker's setting: a real Mosquitto, read over MQTT 5."""

import logging

import pytest

from ingest_worker.broker_window import BrokerWindow
from shared.settings import WorkerSettings
from tests.conftest import eventually
from tests.readings import payload, raw

TOPIC = "vehicles/VIN-00001/telemetry"


def read(broker, **settings):
    window = BrokerWindow(WorkerSettings(mqtt_host=broker.host, mqtt_port=broker.port, **settings))
    window.read()
    return window


@pytest.fixture
def narrow_broker(broker):
    """Restart the broker with a window of 20 messages, Mosquitto's own default."""
    broker.overrides["max_inflight_messages"] = "20"
    broker.stop()
    broker.start()
    return broker


def test_twin_settings(broker, caplog):
    """The shipped configuration and the default of the setting fit: no warning."""
    window = read(broker)
    eventually(lambda: window.size is not None)
    assert window.size == WorkerSettings.model_fields["mqtt_max_inflight"].default
    assert not [record for record in caplog.records if record.name == "ingest_worker.window"]


def test_a_narrow_window_is_named(narrow_broker, caplog):
    """The line says both numbers, and which setting of which side to change."""
    window = read(narrow_broker)
    eventually(lambda: window.size == 20)
    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "sends 20 messages" in line
    assert "MQTT_MAX_INFLIGHT is 20000" in line
    assert "max_inflight_messages 20000" in line


def test_a_wide_window_is_no_warning(broker, caplog):
    """A wider one slows nothing down: the line is for information."""
    with caplog.at_level(logging.INFO, "ingest_worker.window"):
        window = read(broker, mqtt_max_inflight=100)
        eventually(lambda: window.size is not None)
        eventually(lambda: [record.levelname for record in caplog.records] == ["INFO"])


def test_batches_fit_into_a_narrow_window(narrow_broker, run_worker, publisher):
    """Without that a batch of 20 messages would wait for its age: a minute in this test."""
    window = BrokerWindow(WorkerSettings(mqtt_host=narrow_broker.host, mqtt_port=narrow_broker.port))
    worker = run_worker(ingest_batch_ms=60_000, window=window)
    eventually(lambda: window.size == 20)
    for second in range(100):
        publisher(TOPIC, payload(raw(second=second)))
    # The last batch may stay smaller than the others, and wait for its age.
    eventually(lambda: worker.look().stored > 90)


def test_a_broker_that_is_away(broker):
    """The window stays unknown, and the worker goes on."""
    broker.stop()
    window = read(broker)
    eventually(lambda: not window.is_reading)
    assert window.size is None
