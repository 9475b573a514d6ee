"""The statuses of vehicles, from a real broker into a real PostgreSQL."""

import subprocess
import threading

import pytest
from sqlalchemy import text

from shared.rejections.model import Filter, every_rejection, keep_rejections
from shared.rejections.replay import ReplayRefusedError, replay
from shared.storage.engine import writer_engine
from shared.storage.store_statuses import keep_statuses
from shared.wire.connectivity import Status
from shared.wire.refusal import Reason, Rejection
from shared.wire.status import VehicleStatus
from tests.calls import numbers_of
from tests.conftest import eventually
from tests.packets import acknowledged
from tests.readings import LATEST, at, payload, raw

TOPIC = "vehicles/VIN-00001/status"
ONLINE, OFFLINE = Status.ONLINE, Status.OFFLINE


@pytest.fixture
def statuses(engine):
    """Return the stored status of each vehicle and its time, by VIN."""

    def query():
        with engine.connect() as connection:
            stored = connection.execute(text("SELECT vin, status, received_at FROM vehicle_status"))
            return {vin: (status, received_at) for vin, status, received_at in stored}

    return query


@pytest.fixture
def second_engine(database_url):
    engine = writer_engine(database_url, name="test-2")
    yield engine
    engine.dispose()


@pytest.fixture
def words(statuses):
    """Return the statuses without the times."""
    return lambda: {vin: status for vin, (status, _) in statuses().items()}


def listening(worker):
    eventually(lambda: worker.pulse.is_ready)
    return worker


def keep(engine, *told):
    with engine.begin() as connection:
        keep_statuses(connection, [VehicleStatus(vin, status, at(second)) for vin, status, second in told])


def count(worker, name, **labels):
    """One number of the worker's metrics, without the prefix."""
    numbers = numbers_of(worker.metrics.text().decode())
    return numbers[f"battery_worker_{name}", *labels.values()]


@pytest.mark.parametrize("group", [None, "ingest"])
def test_a_status_is_stored(run_worker, publisher, words, group):
    """The last status of each vehicle, in upper case; alone or as one of a group. A status is no reading."""
    worker = listening(run_worker(mqtt_shared_group=group))
    publisher("vehicles/vin-00001/status", b"online", retain=True)
    publisher("vehicles/VIN-00002/status", b"online")
    publisher("vehicles/VIN-00002/status", b"offline")
    publisher("vehicles/VIN-00001/telemetry", payload(raw()))
    eventually(lambda: worker.look().stored == 1)
    eventually(lambda: words() == {"VIN-00001": "online", "VIN-00002": "offline"})
    assert worker.look().received == 1
    eventually(lambda: count(worker, "statuses_total", status="online") == 2)
    assert count(worker, "statuses_total", status="offline") == 1


def test_what_the_broker_repeats_moves_no_time(run_worker, publisher, statuses):
    """Each connect brings the retained status again; the time stays that of the first one."""
    first = listening(run_worker())
    publisher(TOPIC, b"online", retain=True)
    before = eventually(statuses)
    first.stop()
    first.thread.join(10)
    second = listening(run_worker())
    eventually(lambda: count(second, "statuses_total", status="online") == 1)
    assert statuses() == before
    publisher(TOPIC, b"offline", retain=True)
    eventually(lambda: statuses()["VIN-00001"][0] == "offline")
    assert statuses()["VIN-00001"][1] > before["VIN-00001"][1]


def test_a_vehicle_that_is_killed(run_worker, publisher, broker, words):
    """The vehicle's last will is `offline`."""
    listening(run_worker())
    publisher(TOPIC, b"online", retain=True)
    eventually(lambda: words() == {"VIN-00001": "online"})
    vehicle = subprocess.Popen(
        ["mosquitto_sub", "-h", broker.host, "-p", str(broker.port), "-i", "vehicle", "-t", "nothing",
         "--will-topic", TOPIC, "--will-payload", "offline", "--will-qos", "1", "--will-retain"],
    )  # fmt: skip
    eventually(lambda: "as vehicle " in broker.tail(50))
    vehicle.kill()
    vehicle.wait()
    eventually(lambda: words() == {"VIN-00001": "offline"})


@pytest.mark.parametrize("nonsense", [b"ONLINE", b"online\n", b'"online"', b"away", b"\xff", payload(raw())])
def test_garbage_is_a_rejection(run_worker, publisher, engine, words, nonsense):
    """Garbage is kept with its reason, and later messages are stored; received = stored + rejected holds."""
    worker = listening(run_worker())
    publisher(TOPIC, nonsense)
    publisher(TOPIC, b"offline")
    eventually(lambda: words() == {"VIN-00001": "offline"})
    [kept] = every_rejection(engine, Filter(), descending=False)
    assert (kept["vin"], kept["reason"], kept["topic"]) == ("VIN-00001", "bad_status", TOPIC.encode())
    assert "online or offline" in kept["detail"]
    eventually(lambda: worker.look().in_flight == 0)
    look = worker.look()
    assert (look.received, look.rejected["bad_status"]) == (1, 1)
    assert look.adds_up


def test_a_cleared_status(run_worker, publisher, words):
    """An empty payload clears the retained status: counted, acknowledged, and the stored one stays."""
    worker = listening(run_worker())
    publisher(TOPIC, b"online", retain=True)
    publisher(TOPIC, b"", retain=True)
    publisher("vehicles/VIN-00002/status", b"online")
    eventually(lambda: words() == {"VIN-00001": "online", "VIN-00002": "online"})
    assert worker.metrics.messages_cleared == 1
    assert worker.look().received == 0


def test_acknowledged_after_the_commit(run_worker, publisher, engine, second_engine, words):
    """While the table is locked no acknowledgement goes out; after one, the status is visible to all."""
    worker = listening(run_worker())
    seen = []
    send = worker.subscriber.client.send_acknowledgements

    def watched(packets):
        if acknowledged(packets):
            seen.append(words())
        send(packets)

    worker.subscriber.client.send_acknowledgements = watched
    with second_engine.connect() as lock:
        lock.execute(text("LOCK TABLE vehicle_status IN EXCLUSIVE MODE"))
        publisher(TOPIC, b"online")
        eventually(lambda: waits(engine))
        assert seen == []
        lock.rollback()
    eventually(lambda: seen)
    assert seen == [{"VIN-00001": "online"}]


def waits(engine):
    """Return whether the worker's session waits for a lock."""
    asked = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'test-worker' AND wait_event_type = 'Lock'
    """
    with engine.connect() as connection:
        return connection.execute(text(asked)).scalar_one() > 0


def test_of_one_batch_the_last_word_counts(engine, statuses):
    """The stored time is that of the first of the equal last statuses."""
    keep(engine, ("VIN-00001", ONLINE, 1), ("VIN-00001", OFFLINE, 2), ("VIN-00001", OFFLINE, 3))
    assert statuses() == {"VIN-00001": ("offline", at(2))}


def test_an_older_word_that_comes_later(engine, statuses):
    """Two workers of a group may store a vehicle's words in the wrong order: the newer one stays."""
    keep(engine, ("VIN-00001", OFFLINE, 5))
    keep(engine, ("VIN-00001", ONLINE, 4))
    assert statuses() == {"VIN-00001": ("offline", at(5))}
    keep(engine, ("VIN-00001", ONLINE, 6))
    assert statuses() == {"VIN-00001": ("online", at(6))}


def test_two_workers_do_not_deadlock(engine, second_engine, words):
    """The same vehicles in opposite orders, many times: both get through."""
    vins = [f"VIN-{n:05}" for n in range(300)]
    failures = []

    def tell(engine, order, status):
        try:
            for second in range(30):
                keep(engine, *((vin, status, second) for vin in order))
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            failures.append(error)

    rivals = [
        threading.Thread(target=tell, args=(engine, vins, ONLINE)),
        threading.Thread(target=tell, args=(second_engine, vins[::-1], OFFLINE)),
    ]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert failures == []
    assert len(words()) == 300


def rejected(engine, content):
    """Return the id of a status that was refused and kept."""
    rejection = Rejection("VIN-00001", at(3), Reason.BAD_STATUS, "why", None, TOPIC.encode(), content)
    with engine.begin() as connection:
        keep_rejections(connection, [rejection])
    return rejection.id


def test_a_status_that_is_replayed(engine, statuses):
    """Garbage stays; a valid status is stored with its time, unless a newer one is known."""
    with pytest.raises(ReplayRefusedError, match="bad_status"):
        replay(engine, rejected(engine, b"nonsense"), latest=LATEST)
    assert replay(engine, rejected(engine, b"online"), latest=LATEST) == (0, 0)
    assert statuses() == {"VIN-00001": ("online", at(3))}
    assert [kept["payload_bytes"] for kept in every_rejection(engine, Filter(), descending=False)] == [8]
    keep(engine, ("VIN-00001", OFFLINE, 9))
    replay(engine, rejected(engine, b"online"), latest=LATEST)
    assert statuses() == {"VIN-00001": ("offline", at(9))}
