"""A broker, a database and a worker that can't be reached."""

import socket

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from scripts.faults.metrics_monitor import MetricsMonitor
from scripts.simulator.publisher import BrokerUnreachableError, Publisher
from shared.settings import BrokerSettings
from shared.storage.error_classes import Fault, classify, summarise

SECRET = "hunter2"


def test_broker_out_of_reach_is_one_line():
    """The error names the two variables and what to do."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        publisher = Publisher(BrokerSettings(mqtt_host="127.0.0.1", mqtt_port=port), window=10)
        with pytest.raises(BrokerUnreachableError) as raised:
            publisher.connect()
    assert f"MQTT_HOST=127.0.0.1 MQTT_PORT={port}" in str(raised.value)
    assert "Start the broker" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_password_of_a_database_out_of_reach():
    """The error of a connection that can't be made is shown without the password it was made with."""
    with pytest.raises(psycopg.Error) as refused:
        psycopg.connect(f"postgresql://user:{SECRET}@/nowhere?host=/no/such/folder&connect_timeout=1")
    assert SECRET not in summarise(refused.value)
    assert SECRET not in summarise(OperationalError("SELECT 1", {"password": SECRET}, refused.value))
    assert classify(refused.value) is Fault.TRANSIENT


def test_a_process_without_an_answer_is_skipped():
    """A worker that was just killed is no inconsistency."""
    monitor = MetricsMonitor(["http://127.0.0.1:9/metrics"])
    monitor.scrape()
    assert (monitor.scrapes, monitor.inconsistencies, monitor.last) == (0, [], {})
