"""Workers with one MQTT_CLIENT_ID, as `docker compose up --scale` starts them: real processes and servers."""

import http.client
import json
import os
import re
import signal

import psycopg
import pytest
from sqlalchemy import text

from scripts.faults.journaled_publisher import Publisher
from scripts.launcher.module import Module, Worker
from tests.conftest import eventually
from tests.readings import payload, raw

TOPIC = "vehicles/VIN-00001/telemetry"


class Started(Worker):
    """A worker whose start does not wait for readiness: a stand-by is never ready."""

    def answers(self):
        return self.get("/live")[0] == 200

    def get(self, path):
        try:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""

    def ready(self):
        return self.get("/ready")[0] == 200

    def reason(self):
        body = self.get("/ready")[1]
        return json.loads(body).get("reason", "") if body else ""

    def log_text(self):
        return self.log.read_text()

    def metric(self, name):
        return float(re.search(rf"^{name} (\S+)$", self.get("/metrics")[1], re.MULTILINE)[1])


@pytest.fixture
def env(broker, database_url):
    return {
        "DATABASE_URL": database_url,
        "MQTT_HOST": broker.host,
        "MQTT_PORT": str(broker.port),
        "MQTT_CLIENT_ID": "scaled",
        "MQTT_SHARED_GROUP": "",
        "INGEST_BATCH_MS": "50",
    }


@pytest.fixture
def workers(env, tmp_path):
    """Start workers: `workers(3, MQTT_SHARED_GROUP="fleet")`, each with a log of its own."""
    made = []

    def start(number, **settings):
        new = []
        for _ in range(number):
            place = tmp_path / f"worker-{len(made)}"
            new.append(Started(log=place / "worker.log", env={**env, **settings}))
            made.append(new[-1])
        for worker in new:
            worker.start()
        return new

    yield start
    for worker in made:
        worker.kill()


@pytest.fixture
def load(broker):
    """Start a publisher of numbered readings: `load(rate=300)`; finished at the end."""
    publishers = []

    def start(rate=300):
        publishers.append(Publisher(broker.host, broker.port, first=len(publishers) * 10**6, rate=rate))
        publishers[-1].start()
        return publishers[-1]

    yield start
    for publisher in publishers:
        publisher.abandon()


@pytest.fixture
def count(engine):
    def query():
        with engine.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM telemetry")).scalar_one()

    return query


def client_id(worker):
    return re.findall(r"client id (\S+)\.", worker.log_text())[-1]


def test_three_in_a_group_divide_the_messages(workers, load, count, broker):
    """Each has its own client id, one the configured id; all is stored once, and none is disconnected."""
    trio = workers(3, MQTT_SHARED_GROUP="fleet")
    eventually(lambda: all(worker.ready() for worker in trio), within=30)
    assert {client_id(worker) for worker in trio} == {"scaled", "scaled-2", "scaled-3"}
    assert sorted(worker.metric("battery_worker_slot") for worker in trio) == [1, 2, 3]
    sent = load()
    eventually(lambda: sent.sent > 1_200, within=20)
    sent.finish()
    eventually(lambda: count() == len(sent.journal.acknowledged), within=20)
    assert len(sent.journal.acknowledged) == sent.sent
    received = [worker.metric("battery_worker_readings_received_total") for worker in trio]
    assert sum(received) == sent.sent
    assert min(received) > 0
    assert [worker.metric("battery_worker_connections_total") for worker in trio] == [1, 1, 1]
    assert broker.log.read_text().count("already connected") == 0


def test_a_group_that_is_set_later(workers, load, count):
    """A session from before the group gives its own subscription up: messages are not received twice."""
    [alone] = workers(1)
    eventually(alone.ready, within=30)
    alone.stop()
    pair = workers(2, MQTT_SHARED_GROUP="fleet")
    eventually(lambda: all(worker.ready() for worker in pair), within=30)
    sent = load()
    eventually(lambda: sent.sent > 600, within=20)
    sent.finish()
    eventually(lambda: count() == len(sent.journal.acknowledged), within=20)
    received = [worker.metric("battery_worker_readings_received_total") for worker in pair]
    assert sum(received) == sent.sent
    assert min(received) > 0


def test_two_without_a_group(workers, load, count):
    """One works, one is a stand-by; after a kill the stand-by takes over, with no loss and no duplicate."""
    [active] = workers(1)
    eventually(active.ready, within=30)
    [other] = workers(1)
    eventually(lambda: "slot 1 is held by another worker; set MQTT_SHARED_GROUP" in other.reason(), within=30)
    assert other.get("/ready")[0] == 503
    assert other.get("/live")[0] == 200
    assert "Stand-by: slot 1 is held by another worker" in other.log_text()
    assert other.metric("battery_worker_slot") == 0
    sent = load()
    eventually(lambda: count() > 200, within=20)
    active.kill()
    eventually(other.ready, within=15)
    sent.finish()
    eventually(lambda: count() == len(sent.journal.acknowledged), within=20)
    assert client_id(other) == "scaled"
    assert other.metric("battery_worker_slot") == 1
    assert "in a row" not in active.log_text() + other.log_text()


def test_a_stand_by_ends_in_good_order(workers):
    """SIGTERM ends a waiting stand-by with exit code 0."""
    [active] = workers(1)
    eventually(active.ready, within=30)
    [other] = workers(1)
    eventually(lambda: "stand-by" in other.reason(), within=30)
    assert other.stop() == 0
    assert active.ready()


def terminate_locks(database_url):
    """End every session that holds an advisory lock, as a restart of the server does."""
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as killer:
        killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


def test_a_lock_that_was_lost_is_taken_again(workers, load, count, database_url):
    """The server ends the lock's session: the worker stays, on the same connection to the broker."""
    [active] = workers(1)
    eventually(active.ready, within=30)
    [other] = workers(1)
    eventually(lambda: "stand-by" in other.reason(), within=30)
    sent = load()
    for times in (1, 2):
        terminate_locks(database_url)
        eventually(lambda times=times: active.log_text().count("Slot 1 is held again") == times, within=15)
    sent.finish()
    eventually(lambda: count() == len(sent.journal.acknowledged), within=20)
    assert active.ready()
    assert active.metric("battery_worker_connections_total") == 1
    assert "stand-by" in other.reason()


def test_a_slot_that_another_took_is_left(workers, load, count, database_url):
    """A worker frozen while its lock went to another stands by when it resumes; the two do not compete."""
    [active] = workers(1)
    eventually(active.ready, within=30)
    [other] = workers(1)
    eventually(lambda: "stand-by" in other.reason(), within=30)
    sent = load()
    eventually(lambda: count() > 100, within=20)
    os.kill(active.pid, signal.SIGSTOP)
    terminate_locks(database_url)
    eventually(other.ready, within=20)
    os.kill(active.pid, signal.SIGCONT)
    eventually(lambda: "stand-by" in active.reason(), within=20)
    sent.finish()
    eventually(lambda: count() == len(sent.journal.acknowledged), within=20)
    assert other.ready()
    assert other.alive
    assert active.alive


def test_without_a_database_the_broker_is_not_asked(workers, publisher, broker, count, database_url):
    """Without a known slot no client id is used; an existing session keeps the messages meanwhile."""
    [first] = workers(1)
    eventually(first.ready, within=30)
    first.stop()
    [second] = workers(1, DATABASE_URL="postgresql://postgres@127.0.0.1:1/away")
    eventually(lambda: "no slot is known while the database is away" in second.reason(), within=30)
    publisher(TOPIC, payload(raw()))
    assert second.get("/live")[0] == 200
    assert "Connected to the broker" not in second.log_text()
    assert second.stop() == 0
    workers(1)
    eventually(lambda: count() == 1, within=30)


def retire(env, tmp_path, *slots, **settings):
    """Run the retire command; returns its exit code and output."""
    log = tmp_path / "retire" / "retire.log"
    log.unlink(missing_ok=True)
    command = Module("ingest_worker.retire", *map(str, slots), log=log, env={**env, **settings})
    command.start()
    return command.wait(60), log.read_text()


def test_scaling_down_loses_nothing(workers, load, count, env, tmp_path):
    """Three become one: the command takes over the queued messages of the other two, and their share."""
    group = {"MQTT_SHARED_GROUP": "fleet"}
    trio = workers(3, **group)
    eventually(lambda: all(worker.ready() for worker in trio), within=30)
    sent = load()
    eventually(lambda: count() > 200, within=20)
    gone = trio[:2]
    for worker in gone:
        worker.stop()
    [left] = trio[2:]
    held = int(left.metric("battery_worker_slot"))
    before = count()
    eventually(lambda: count() > before + 50, within=20)
    free = [number for number in (1, 2, 3) if number != held]
    code, words = retire(env, tmp_path, *free, **group)
    assert code == 0, words
    assert len(re.findall(r"Slot \d \(scaled\S*\) is empty", words)) == 2
    since = sent.sent
    eventually(lambda: sent.sent > since + 100, within=20)
    sent.finish()
    eventually(lambda: count() == len(sent.journal.acknowledged), within=20)


def test_a_retirement_is_refused_where_it_would_lose(workers, env, tmp_path):
    """Refused, each with a sentence: a held slot, the last worker's group, and no group."""
    group = {"MQTT_SHARED_GROUP": "fleet"}
    code, words = retire(env, tmp_path, 2, **group)
    assert (code, "No worker of the group fleet runs" in words) == (1, True)
    [active] = workers(1, **group)
    eventually(active.ready, within=30)
    code, words = retire(env, tmp_path, 1, **group)
    assert (code, "Slot 1 is held by a worker that runs" in words) == (1, True)
    assert active.metric("battery_worker_connections_total") == 1
    code, words = retire(env, tmp_path, 1)
    assert (code, "MQTT_SHARED_GROUP is not set" in words) == (2, True)
    assert retire(env, tmp_path, "0", **group)[0] == 2
    assert retire(env, tmp_path)[0] == 2
    assert retire(env, tmp_path, "--help")[0] == 0


def test_a_displaced_worker_says_why(workers, env, tmp_path, broker):
    """Another client takes its id repeatedly: not ready, with the reason, then ended with a sentence."""
    [worker] = workers(1)
    eventually(worker.ready, within=30)
    rival = Module(
        "tests.rival", broker.host, str(broker.port), "scaled", log=tmp_path / "rival" / "log", env={}
    )
    rival.start()
    try:
        eventually(lambda: "probably another client uses the id scaled" in worker.reason(), within=30)
        assert worker.get("/ready")[0] == 503 or not worker.alive
    finally:
        rival.kill()
    assert "Unspecified error" not in worker.log_text()
