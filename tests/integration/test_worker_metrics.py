"""The worker's metrics during events."""

import pytest
from sqlalchemy import text

from tests.calls import numbers_of
from tests.conftest import eventually
from tests.readings import payload, raw

TOPIC = "vehicles/VIN-00001/telemetry"


@pytest.fixture
def worker(run_worker):
    started = run_worker()
    eventually(lambda: started.pulse.is_ready)
    return started


def value(worker, name, **labels):
    """One number of its metrics, without the prefix; 0 where it is not there."""
    numbers = numbers_of(worker.metrics.text().decode())
    return numbers.get((f"battery_worker_{name}", *labels.values()), 0)


def test_messages_by_quality(worker, publisher):
    """Messages of QoS 0, which have no guarantee, and cleared messages are counted separately."""
    publisher(TOPIC, payload(raw(second=0)))
    publisher(TOPIC, payload(raw(second=1)), qos=0)
    publisher(TOPIC, payload(raw(second=2)), qos=0)
    publisher(TOPIC, b"")
    eventually(lambda: value(worker, "readings_stored_total") == 3)
    eventually(lambda: value(worker, "messages_cleared_total") == 1)
    assert value(worker, "messages_received_total", qos="0") == 2
    assert value(worker, "messages_received_total", qos="1") == 2


def test_readings_by_fate(worker, publisher):
    """Each in one state, the rejected ones by reason; and how large, how slow and how old it all was."""
    publisher(TOPIC, payload(raw(second=0, soc=1), raw(second=0, soc=1), raw(second=0, soc=2), raw(soc=101)))
    publisher(TOPIC, b"nonsense")
    eventually(lambda: value(worker, "readings_received_total") == 5)
    eventually(lambda: value(worker, "readings_in_flight") == 0)
    assert value(worker, "readings_stored_total") == 1
    assert value(worker, "readings_duplicate_total") == 1
    for reason in ("conflict", "bad_reading", "bad_json"):
        assert value(worker, "readings_rejected_total", reason=reason) == 1
    assert value(worker, "readings_failed_total") == 0
    assert value(worker, "batch_readings_sum") == 5
    assert value(worker, "commit_seconds_count") == value(worker, "batch_readings_count") >= 1
    eventually(
        lambda: value(worker, "commit_to_acknowledge_seconds_count") == value(worker, "commit_seconds_count")
    )
    assert value(worker, "lag_seconds", quantile="0.5") > 1e6


def test_what_waits_for_the_database(worker, publisher, engine):
    """The oldest message ages, its readings are in flight, the error is counted; then all of it is over."""
    with engine.connect() as connection, connection.begin():
        connection.execute(text("LOCK TABLE telemetry IN ACCESS EXCLUSIVE MODE"))
        publisher(TOPIC, payload(raw(second=0), raw(second=1)))
        eventually(lambda: value(worker, "oldest_unacknowledged_seconds") > 0.5)
        assert value(worker, "readings_in_flight") == 2
        eventually(lambda: value(worker, "database_errors_total", fault="transient") >= 1)
        assert value(worker, "ready") == 0
    eventually(lambda: value(worker, "readings_stored_total") == 2)
    eventually(lambda: value(worker, "oldest_unacknowledged_seconds") == 0)
    assert value(worker, "readings_in_flight") == 0
    assert value(worker, "ready") == 1


def test_a_broker_that_forgets(worker, broker):
    """A lost session is counted, as is the connection that showed it."""
    assert (value(worker, "connections_total"), value(worker, "sessions_lost_total")) == (1, 0)
    broker.kill()
    (broker.files / "mosquitto.db").unlink(missing_ok=True)
    broker.start()
    eventually(lambda: value(worker, "connections_total") == 2)
    assert value(worker, "sessions_lost_total") == 1


def test_most_is_rejected(worker, publisher, caplog):
    """An unreadable release gives one line in the log with advice."""
    publisher(TOPIC, payload(*(raw(second=second, soc=101) for second in range(30)), raw(second=99)))
    eventually(lambda: "MOST READINGS ARE REJECTED" in caplog.text)
    assert "30 of the last 31 readings were rejected (bad_reading 30)" in caplog.text
    assert worker.thread.is_alive()
