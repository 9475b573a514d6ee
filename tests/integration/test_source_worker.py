"""Messages of sources through the worker's loop: a real PostgreSQL, and no broker."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import text

from ingest_worker.delivery import Delivery
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.worker import Worker
from ingest_worker.worker_health import WorkerHealth
from shared.rejections.model import Filter, list_rejections
from shared.rejections.replay import ReplayRefusedError, replay
from shared.settings import WorkerSettings
from shared.storage.engine import writer_engine
from shared.storage.session_filters import add_filters
from tests.conftest import eventually
from tests.fake_session import FakeSession, FakeSubscription
from tests.mapped import LATEST, mapping
from tests.sparkplug import BIRTH, SOURCE, TEN, float_value, metric, payload

TESLAMATE = """
[[source]]
dialect = "teslamate"
vehicles = { 1 = "5YJXXXXXXXXXXXXX1" }
"""
CARS = "teslamate/cars/1/"
VIN = "5YJXXXXXXXXXXXXX1"
# Of now: the worker deletes old rejections.
CLOCK = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def delivery(key, payload, mid, *, after=0.0, repeated=False, retained=False, epoch=1):
    """Make a message of TeslaMate with the packet id `mid`, received `after` seconds."""
    topic = (CARS + key).encode()
    received_at = CLOCK + timedelta(seconds=after)
    return Delivery(
        topic, payload.encode(), 1, mid.to_bytes(2, "big"), retained, repeated, epoch, received_at
    )


@pytest.fixture
def run(database_url, monkeypatch, tmp_path):
    """Run a worker over deliveries until all are acknowledged; return its counts and its session."""
    monkeypatch.chdir(tmp_path)

    def go(*chunks, sources=TESLAMATE, filters=("vehicles/+/telemetry",), is_kept=True):
        session = FakeSession()
        session.is_kept = is_kept
        session.subscription = FakeSubscription(filters)
        health = WorkerHealth()
        metrics = WorkerMetrics(session, health)
        settings = WorkerSettings(database_url=database_url, ingest_batch_ms=10)
        new_engine = partial(writer_engine, database_url, name="test-worker")
        worker = Worker(settings, session, new_engine, health, metrics, sources=mapping(sources))
        for chunk in chunks:
            session.inbox.put(chunk)
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        expected = sum(map(len, chunks))
        eventually(lambda: sum(len(ids) for name, ids in acknowledged(session)) == expected)
        session.metrics, session.worker, session.thread = metrics, worker, thread
        worker.stop()
        thread.join(10)
        assert not thread.is_alive()
        counts = {outcome: n for (_, outcome), n in metrics.source_messages.items() if n}
        return counts, session

    def acknowledged(session):
        return [call for call in session.calls if call[0] == "acknowledge"]

    return go


def rows(engine):
    with engine.connect() as connection:
        found = connection.execute(text("SELECT ts, soc, odo_km FROM telemetry ORDER BY ts"))
        return [((ts - CLOCK).total_seconds(), soc, odo) for ts, soc, odo in found]


def rejections(engine):
    with engine.connect() as connection:
        return list_rejections(connection, Filter(), after=None, descending=False, limit=100)


SOC = delivery("battery_level", "88", 5)
ODOMETER = delivery("odometer", "65534.58", 6, after=0.004)


def test_a_burst_is_one_row_and_is_acknowledged_after_it(run, engine):
    """Both messages become one row; the row is committed when they are acknowledged."""
    counts, session = run([SOC, ODOMETER])
    assert rows(engine) == [(0.0, 88.0, 65534.58)]
    assert counts == {"reading": 2}
    assert ("acknowledge", [5, 6]) in session.calls
    tally = session.metrics.tally.snapshot()
    assert (tally.received, tally.stored, tally.in_flight) == (1, 1, 0)


def test_a_crash_between_commit_and_acknowledgement(run, engine):
    """Both messages come again with DUP: one row as before, two repeated messages, acknowledged."""
    run([SOC, ODOMETER])
    again = [
        delivery("battery_level", "88", 5, after=3, repeated=True, epoch=2),
        delivery("odometer", "65534.58", 6, after=3, repeated=True, epoch=2),
    ]
    counts, _ = run(again)
    assert rows(engine) == [(0.0, 88.0, 65534.58)]
    assert counts == {"repeated": 2}


def test_a_crash_before_the_commit(run, engine):
    """The messages come again with DUP and were not stored: one row, at the later time."""
    again = [
        delivery("battery_level", "88", 5, after=3, repeated=True, epoch=2),
        delivery("odometer", "65534.58", 6, after=3.1, repeated=True, epoch=2),
    ]
    counts, _ = run(again)
    assert rows(engine) == [(3.0, 88.0, 65534.58)]
    assert counts == {"reading": 2}


def test_a_packet_id_that_is_used_again(run, engine):
    """Another payload, or the same one without DUP, is another message."""
    run([SOC])
    run([delivery("battery_level", "87", 5, after=3, repeated=True, epoch=2)])
    run([delivery("battery_level", "87", 5, after=6, epoch=2)])
    assert rows(engine) == [(0.0, 88.0, None), (3.0, 87.0, None), (6.0, 87.0, None)]


def test_a_session_that_the_broker_has_lost(run, engine):
    """A new one counts its packet ids anew: an equal message of the lost session is another message."""
    run([SOC])
    run([delivery("battery_level", "50", 1, after=3)], is_kept=False)
    again = [
        delivery("battery_level", "50", 1, after=6, repeated=True, epoch=2),
        delivery("battery_level", "88", 5, after=6, repeated=True, epoch=2),
    ]
    counts, _ = run(again)
    assert counts == {"repeated": 1, "reading": 1}
    assert rows(engine) == [(0.0, 88.0, None), (3.0, 50.0, None), (6.0, 88.0, None)]


def test_the_first_copy_is_still_at_hand(run, engine):
    """A reconnect while a message waits for its row: the copy with DUP is not stored besides it."""
    counts, session = run([SOC], [delivery("battery_level", "88", 5, after=0.2, repeated=True, epoch=2)])
    assert rows(engine) == [(0.0, 88.0, None)]
    assert counts == {"reading": 1, "repeated": 1}
    assert session.metrics.tally.snapshot().stored == 1


def test_an_obsolete_value_is_not_the_newest_one_after_a_crash(run, engine):
    """It was kept as a rejection: the copy with DUP is neither a row nor a second rejection."""
    newest = TESLAMATE + 'backlog = "newest"\n'
    old, new = delivery("battery_level", "79", 5), delivery("battery_level", "80", 6, after=0.05)
    assert run([old, new], sources=newest)[0] == {"reading": 1, "rejected": 1}
    again = {"after": 3, "repeated": True, "epoch": 2}
    copies = delivery("battery_level", "79", 5, **again), delivery("battery_level", "80", 6, **again)
    assert run(copies, sources=newest)[0] == {"repeated": 2}
    assert rows(engine) == [(0.0, 80.0, None)]
    assert [kept["reason"] for kept in rejections(engine)] == ["no_time"]


def test_a_rejected_message_is_kept_once(run, engine):
    """Without a time the arrival is part of a rejection's id: a copy with DUP would be another one."""
    run([delivery("battery_level", "full", 5)])
    counts, _ = run([delivery("battery_level", "full", 5, after=3, repeated=True, epoch=2)])
    assert counts == {"repeated": 1}
    assert len(rejections(engine)) == 1


def test_a_taken_time(run, engine):
    """A row whose time another row has, as after a step of our clock, is stored 1 µs later."""
    run([SOC, ODOMETER])
    run([delivery("battery_level", "50", 7)])
    assert rows(engine) == [(0.0, 88.0, 65534.58), (0.000001, 50.0, None)]
    # 1 µs later is taken, too: each message is kept as a rejection of its own.
    counts, session = run([delivery("battery_level", "20", 8), delivery("odometer", "1", 9)])
    assert len(rows(engine)) == 2
    assert counts == {"reading": 2}
    assert session.metrics.tally.snapshot().rejected["conflict"] == 1
    kept = rejections(engine)
    assert sorted(one["topic"] for one in kept) == [
        b"teslamate/cars/1/battery_level",
        b"teslamate/cars/1/odometer",
    ]
    for one in kept:
        with pytest.raises(ReplayRefusedError) as refused:
            replay(engine, one["id"], latest=LATEST, sources=mapping(TESLAMATE))
        assert refused.value.is_conflict


def test_what_is_held_belongs_to_the_slot_that_received_it(engine, database_url, monkeypatch, tmp_path):
    """Stored before the worker takes another slot: the next holder of the first one gets it with DUP."""
    monkeypatch.chdir(tmp_path)

    class Session(FakeSession):
        def start(self, client_id=None):
            self.client_id = client_id
            super().start()

    class Slot:
        number, last, is_shared = None, 1, True
        free = 1

        def take(self, numbers=None):
            self.number = self.free if numbers is None or self.free in numbers else None
            self.last = self.number or self.last
            return self.number

        def client_id(self):
            return f"worker-{self.last}"

        def close(self):
            """Do nothing: there is no lock."""

    session, slot = Session(), Slot()
    health = WorkerHealth()
    metrics = WorkerMetrics(session, health)
    settings = WorkerSettings(database_url=database_url, ingest_batch_ms=10)
    sources = mapping(TESLAMATE + "assemble_ms = 60000")
    new_engine = partial(writer_engine, database_url, name="test-worker")
    worker = Worker(settings, session, new_engine, health, metrics, slot=slot, sources=sources)
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    eventually(lambda: "start" in session.calls)
    session.inbox.put([replace(SOC, received_at=datetime.now(UTC))])
    eventually(lambda: metrics.source_messages["teslamate", "reading"])
    slot.free, slot.number = 2, None
    eventually(lambda: "leave" in session.calls)
    # For half a minute only the slot of before is tried.
    slot.last = 2
    eventually(lambda: session.client_id == "worker-2")
    worker.stop()
    thread.join(10)
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT client_id FROM mqtt_arrivals")).scalars().all()
    assert kept == ["worker-1"]


def test_replay_by_the_mapping_of_today(run, engine):
    """A message of a vehicle that was not in the table is stored once the table names it."""
    run([delivery("battery_level", "88", 5)], sources=TESLAMATE.replace("1 =", "2 ="))
    [kept] = rejections(engine)
    assert (kept["reason"], rows(engine)) == ("unknown_vehicle", [])
    assert replay(engine, kept["id"], latest=LATEST, sources=mapping(TESLAMATE)) == (1, 0)
    assert rows(engine) == [(0.0, 88.0, None)]
    assert rejections(engine) == []


def test_retained_values_are_no_sign_of_life(run, engine):
    """No row, no vehicle, no rejection."""
    counts, _ = run([delivery("battery_level", "88", 5, retained=True), delivery("odometer", "", 6)])
    assert counts == {"retained": 1, "cleared": 1}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM vehicle_latest")).scalar_one() == 0


def test_filters_that_no_source_names_any_more(run, engine):
    """They are unsubscribed, and forgotten once the broker has confirmed that."""

    def kept():
        with engine.connect() as connection:
            return set(connection.execute(text("SELECT filter FROM mqtt_filters")).scalars())

    with engine.begin() as connection:
        assert add_filters(connection, "fake", ["old/#", "vehicles/+/telemetry"]) == set()
        assert add_filters(connection, "other", ["another/#"]) == set()
    _, session = run([SOC], filters=("vehicles/+/telemetry", "teslamate/cars/+/odometer"))
    assert ("unsubscribe", ["old/#"]) in session.calls
    expected = {"vehicles/+/telemetry", "teslamate/cars/+/odometer", "another/#"}
    assert kept() - expected <= {"old/#"}
    run([ODOMETER], filters=("vehicles/+/telemetry", "teslamate/cars/+/odometer"))
    assert kept() == expected


def test_sparkplug(run, engine):
    """Births are stored with their batch; data that came before its birth is stored by a replay."""
    topic, data = "spBv1.0/plant/{}/edge/pack7", payload(metric(float_value(64.0), alias=1, ts=TEN + 1_000))

    def message(verb, content, mid):
        now = CLOCK + timedelta(seconds=mid)
        sent = topic.format(verb).encode()
        return Delivery(sent, content, 1, mid.to_bytes(2, "big"), False, False, 1, now)

    counts, session = run([message("DDATA", data, 1)], sources=SOURCE)
    assert counts == {"rejected": 1}
    assert [call[1] for call in session.calls if call[0] == "command"] == ["spBv1.0/plant/NCMD/edge"]
    [kept] = rejections(engine)
    with pytest.raises(ReplayRefusedError, match="unknown_alias"):
        replay(engine, kept["id"], latest=LATEST, sources=mapping(SOURCE))

    run([message("DBIRTH", BIRTH, 2)], sources=SOURCE)
    # Another worker knows the birth from the database.
    counts, _ = run([message("DDATA", data, 3)], sources=SOURCE)
    assert counts == {"reading": 1}
    assert replay(engine, kept["id"], latest=LATEST, sources=mapping(SOURCE)) == (0, 1)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT vin, soc FROM telemetry ORDER BY ts"))
        assert [tuple(row) for row in found] == [("XX1SPARK00000001", 63.0), ("XX1SPARK00000001", 64.0)]
        found = connection.execute(text("SELECT vin, status FROM vehicle_status"))
        assert [tuple(row) for row in found] == [("XX1SPARK00000001", "online")]


def test_a_birth_that_is_not_stored_yet(run, engine):
    """A connection begins between a birth and its data: the birth that is stored is an older one."""
    soc, fan = (
        payload(metric(float_value(63.0), name=name, alias=1, datatype=9)) for name in ("Battery/SoC", "Fan")
    )
    data = payload(metric(float_value(12.0), alias=1, ts=TEN + 1_000))

    def message(verb, content, mid, epoch=1):
        topic = f"spBv1.0/plant/{verb}/edge/pack7".encode()
        now = CLOCK + timedelta(seconds=mid)
        return Delivery(topic, content, 1, mid.to_bytes(2, "big"), False, False, epoch, now)

    run([message("DBIRTH", soc, 1)], sources=SOURCE)
    run([message("DBIRTH", fan, 2)], [message("DDATA", data, 3, epoch=2)], sources=SOURCE)
    with engine.connect() as connection:
        # 12 is the fan's value.
        assert connection.execute(text("SELECT soc FROM telemetry")).scalars().all() == [63.0]
