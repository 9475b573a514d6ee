"""The worker between a real broker and a real PostgreSQL."""

import json
import time

import psycopg
import pytest
from sqlalchemy import text

from tests.conftest import eventually
from tests.packets import acknowledged
from tests.readings import payload, raw, stamp

TOPIC = "vehicles/VIN-00001/telemetry"
# Ten messages are one batch, even if they come slowly: readings are counted batch by batch.
TEN_AT_ONCE = {"ingest_batch_rows": 10, "ingest_batch_ms": 5_000}


@pytest.fixture
def rows(engine):
    def query(sql):
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    return query


def count(rows, table="telemetry"):
    return rows(f"SELECT count(*) FROM {table}")[0][0]


def listening(worker):
    eventually(lambda: worker.pulse.is_ready)
    return worker


def test_objects_and_arrays_are_stored(run_worker, publisher, rows):
    """One reading per message or many: each becomes a row."""
    worker = listening(run_worker())
    publisher(TOPIC, payload(raw(second=0)))
    publisher(TOPIC, payload(*(raw(second=n) for n in range(1, 51))))
    eventually(lambda: count(rows) == 51)
    worker.stop()
    worker.thread.join(10)
    assert (worker.look().received, worker.look().stored, worker.look().rejected_total) == (51, 51, 0)


def test_the_topic_names_the_vehicle(run_worker, publisher, rows):
    """Without a vin in the payload the topic's is taken, in upper case; another one is a rejection."""
    listening(run_worker())
    publisher("vehicles/vin-00001/telemetry", json.dumps({"ts": stamp(0), "soc": 1}))
    publisher(TOPIC, payload(raw("VIN-00002", 1)))
    eventually(lambda: count(rows) and count(rows, "rejections"))
    assert rows("SELECT vin FROM telemetry") == [("VIN-00001",)]
    assert rows("SELECT vin, reason FROM rejections") == [("VIN-00001", "vin_mismatch")]


def test_of_an_array_the_good_readings_are_stored(run_worker, publisher, rows):
    """A bad reading becomes a rejection with its index, bytes and field; its neighbours are stored."""
    listening(run_worker())
    publisher(TOPIC, payload(raw(second=0), raw(second=1, soc=101), raw(second=2)))
    eventually(lambda: count(rows, "rejections"))
    assert count(rows) == 2
    [(index, reason, detail, kept)] = rows("SELECT index, reason, detail, payload FROM rejections")
    assert (index, reason) == (1, "bad_reading")
    assert detail.startswith("soc: ")
    assert json.loads(bytes(kept)) == raw(second=1, soc=101)


def test_an_empty_payload_is_acknowledged_and_stores_nothing(run_worker, publisher, rows):
    """An empty payload clears a retained message: no reading, no rejection, and later messages are stored."""
    worker = listening(run_worker())
    publisher(TOPIC, b"")
    publisher(TOPIC, payload(raw()))
    eventually(lambda: count(rows) == 1)
    assert count(rows, "rejections") == 0
    assert worker.metrics.messages_cleared == 1


def test_what_comes_while_the_worker_is_away_is_stored_later(run_worker, publisher, rows):
    """The broker keeps the session: messages published between two lives of the worker arrive."""
    first = listening(run_worker())
    first.stop()
    first.thread.join(10)
    for second in range(30):
        publisher(TOPIC, payload(raw(second=second)))
    assert count(rows) == 0
    run_worker()
    eventually(lambda: count(rows) == 30)


def test_a_clean_stop_leaves_nothing_to_redeliver(run_worker, publisher, rows, broker):
    """All messages were stored and acknowledged: the next worker receives none of them again."""
    first = listening(run_worker())
    for second in range(40):
        publisher(TOPIC, payload(raw(second=second)))
    eventually(lambda: count(rows) == 40)
    first.stop()
    first.thread.join(10)
    # A connection that overtakes the broker's reading of the last one would get the rest again.
    eventually(lambda: "Client battery-ingest-worker disconnected" in broker.tail(50))
    second_life = listening(run_worker())
    publisher(TOPIC, payload(raw(second=99)))
    eventually(lambda: count(rows) == 41)
    assert second_life.look().received == 1


def acknowledgements(worker, rows):
    """Return a list of the ids acknowledged from now on, each with the rows committed by then."""
    seen = []
    send = worker.subscriber.client.send_acknowledgements

    def watched(packets):
        committed = count(rows)
        seen.extend((mid, committed) for mid in acknowledged(packets))
        send(packets)

    worker.subscriber.client.send_acknowledgements = watched
    return seen


def test_acknowledged_after_the_commit_in_the_order_of_receipt(run_worker, publisher, rows):
    """At each acknowledgement the whole batch is already visible to others, and the ids go up one by one."""
    worker = listening(run_worker(ingest_batch_ms=300))
    seen = acknowledgements(worker, rows)
    for second in range(20, 0, -1):
        publisher(TOPIC, payload(raw(second=second)))
    eventually(lambda: len(seen) == 20)
    mids = [mid for mid, _ in seen]
    assert mids == list(range(mids[0], mids[0] + 20))
    stored = [committed for _, committed in seen]
    # Each id stands for a reading that has been committed before: the n-th one sees n rows or more.
    assert all(committed > place for place, committed in enumerate(stored))


def test_nothing_is_acknowledged_while_nothing_is_committed(run_worker, publisher, rows, engine):
    """While a table is locked no acknowledgement goes out; once it is free all do."""
    worker = listening(run_worker(**TEN_AT_ONCE))
    seen = acknowledgements(worker, rows)
    with engine.connect() as lock:
        lock.execute(text("LOCK TABLE vehicle_latest IN ACCESS EXCLUSIVE MODE"))
        for second in range(10):
            publisher(TOPIC, payload(raw(second=second)))
        eventually(lambda: worker.look().received == 10)
        time.sleep(0.5)
        assert seen == []
        lock.rollback()
    eventually(lambda: len(seen) == 10)
    assert count(rows) == 10


def test_a_stop_stores_what_is_at_hand(run_worker, publisher, rows):
    """Readings that wait for a batch to fill are stored and acknowledged when the worker stops."""
    worker = listening(run_worker(ingest_batch_ms=60_000))
    for second in range(7):
        publisher(TOPIC, payload(raw(second=second)))
    eventually(lambda: worker.look().received == 7)
    assert count(rows) == 0
    worker.stop()
    worker.thread.join(10)
    assert count(rows) == 7


def allow_connections(postgres, database_url, *, allowed):
    """Close the database to every client and end their connections, or open it again."""
    name = database_url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND NOT %s",
            [name, allowed],
        )


def test_readiness_follows_the_database_without_readings(run_worker, postgres, database_url):
    """An idle worker checks the database by itself, and is not ready while it is away."""
    worker = listening(run_worker())
    allow_connections(postgres, database_url, allowed=False)
    eventually(lambda: not worker.pulse.is_ready)
    assert worker.pulse.is_live
    allow_connections(postgres, database_url, allowed=True)
    eventually(lambda: worker.pulse.is_ready)


def test_a_row_that_the_database_refuses_is_found_and_rejected(run_worker, publisher, rows, engine):
    """Poison that passed our checks: bisected to its rows, which become rejections; the rest is stored."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE telemetry DROP CONSTRAINT telemetry_soc_check"))
        connection.execute(text("ALTER TABLE telemetry ADD CONSTRAINT telemetry_soc_check CHECK (soc <> 13)"))
    worker = listening(run_worker())
    readings = [raw(second=n, soc=13.0 if n in {3, 50, 51} else 1.0) for n in range(100)]
    publisher(TOPIC, payload(*readings))
    publisher(TOPIC, payload(raw(second=200, soc=13.0)))
    eventually(lambda: count(rows, "rejections") == 4)
    eventually(lambda: count(rows) == 97)
    assert rows("SELECT DISTINCT reason FROM rejections") == [("refused_by_database",)]
    assert rows("SELECT index FROM rejections ORDER BY index") == [(3,), (50,), (51,), (None,)]
    kept = [json.loads(bytes(value)) for (value,) in rows("SELECT payload FROM rejections ORDER BY index")]
    assert kept == [readings[3], readings[50], readings[51], raw(second=200, soc=13.0)]
    assert (worker.look().stored, worker.look().rejected_total) == (97, 4)


def test_a_missing_table_blames_no_reading(run_worker, publisher, rows, engine):
    """A deployment fault: no reading is rejected or acknowledged, and all are stored after the repair."""
    worker = listening(run_worker())
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE telemetry RENAME TO telemetry_away"))
    publisher(TOPIC, payload(raw()))
    eventually(lambda: not worker.pulse.is_ready)
    assert count(rows, "rejections") == 0
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE telemetry_away RENAME TO telemetry"))
    eventually(lambda: count(rows) == 1)
    eventually(lambda: worker.pulse.is_ready)


def test_a_redelivered_rejection_is_kept_once(run_worker, publisher, rows):
    """The same message twice, as after a crash before the acknowledgement: one rejection."""
    worker = listening(run_worker())
    publisher(TOPIC, b"nonsense")
    publisher(TOPIC, b"nonsense")
    eventually(lambda: worker.look().received == 2)
    eventually(lambda: count(rows, "rejections") == 1)


def test_a_conflicting_reading_is_kept(run_worker, publisher, rows):
    """Same vehicle and time, other values: the first is stored, the other is kept, an equal one counted."""
    worker = listening(run_worker())
    publisher(TOPIC, payload(raw(soc=1.0)))
    publisher(TOPIC, payload(raw(soc=1.0), raw(soc=2.0), raw(second=1, soc=3.0)))
    eventually(lambda: worker.look().stored == 2)
    assert rows("SELECT soc FROM telemetry ORDER BY ts") == [(1.0,), (3.0,)]
    [(reason, index, kept)] = rows("SELECT reason, index, payload FROM rejections")
    assert (reason, index, json.loads(bytes(kept))) == ("conflict", 1, raw(soc=2.0))
    assert (worker.look().received, worker.look().duplicate, worker.look().rejected_total) == (4, 1, 1)


def test_a_broker_that_forgets_the_session_is_noticed(run_worker, publisher, rows, broker):
    """After the broker lost its sessions the worker subscribes again, with a line in the log."""
    broker.overrides["persistence"] = "false"
    broker.stop()
    broker.start()
    worker = listening(run_worker())
    broker.kill()
    broker.start()
    eventually(lambda: worker.subscriber.connection.sessions_lost == 1)
    eventually(lambda: worker.pulse.is_ready)
    publisher(TOPIC, payload(raw()))
    eventually(lambda: count(rows) == 1)


def test_an_acknowledgement_never_crosses_connections(run_worker, publisher, rows, broker, engine):
    """Packet ids start again in a new session: a late acknowledgement must not delete a new message.

    Ten messages wait for a locked table while the broker forgets its session; new ones then take the
    same ids. Were the old ids acknowledged on the new connection, a worker that dies now would lose them.
    """
    broker.overrides["persistence"] = "false"
    broker.stop()
    broker.start()
    first = listening(run_worker(**TEN_AT_ONCE))
    with engine.connect() as lock:
        lock.execute(text("LOCK TABLE telemetry IN ACCESS EXCLUSIVE MODE"))
        for second in range(10):
            publisher(TOPIC, payload(raw(second=second)))
        eventually(lambda: first.look().received == 10)
        broker.kill()
        broker.start()
        eventually(lambda: first.subscriber.connection.is_listening)
        sent = []
        first.subscriber.client.send_acknowledgements = lambda packets: sent.extend(acknowledged(packets))
        arrived, put = [], first.subscriber.inbox.put
        first.subscriber.inbox.put = lambda deliveries: put(arrived.extend(deliveries) or deliveries)
        for second in range(100, 110):
            publisher(TOPIC, payload(raw(second=second)))
        eventually(lambda: len(arrived) == 10)
        epoch = first.subscriber.connection.epoch
        lock.rollback()
    eventually(lambda: count(rows) == 20)
    first.stop()
    first.thread.join(10)
    assert epoch == 2
    # The ten new ones. With the ten old ones among them it would be twenty.
    assert len(sent) == 10


def test_readings_of_a_shared_group_are_divided(run_worker, publisher, rows):
    """Two workers of one group share the messages; each reading is stored once."""
    workers = [run_worker(mqtt_client_id=f"worker-{n}", mqtt_shared_group="fleet") for n in range(2)]
    for worker in workers:
        listening(worker)
    for second in range(60):
        publisher(TOPIC, payload(raw(second=second)))
    eventually(lambda: count(rows) == 60)
    assert sum(worker.look().received for worker in workers) == 60
    assert all(worker.look().received for worker in workers)


def test_a_second_worker_with_the_same_id(run_worker, publisher, rows):
    """Both would reconnect for ever: one of them ends with the reason, the other one stays and stores."""
    rivals = [run_worker(), run_worker()]
    eventually(lambda: any(rival.failures for rival in rivals), within=30)
    [ended] = [rival for rival in rivals if rival.failures]
    assert "MQTT_CLIENT_ID" in str(ended.failures[0])
    [stayed] = [rival for rival in rivals if rival is not ended]
    eventually(lambda: stayed.pulse.is_ready)
    publisher(TOPIC, payload(raw()))
    eventually(lambda: count(rows) == 1)
    assert stayed.thread.is_alive()


def test_a_dead_network_thread_ends_the_worker(run_worker):
    """Without its network thread the worker would receive no message: it must end."""
    worker = listening(run_worker())
    worker.subscriber.client.loop_stop()
    worker.thread.join(10)
    assert not worker.thread.is_alive()
    assert "network thread has died" in str(worker.failures[0])


def test_a_dead_database_link_is_survived(run_worker, publisher, rows, database_url):
    """The server kills every connection in the middle of a batch: the batch is retried, without a loss."""
    listening(run_worker())
    plain = database_url.replace("+psycopg", "")
    for second in range(50):
        publisher(TOPIC, payload(raw(second=second)))
        if second % 10 == 0:
            with psycopg.connect(plain, autocommit=True) as killer:
                killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'battery-ingest-worker' OR application_name = 'test-worker'"
                )
    eventually(lambda: count(rows) == 50)
