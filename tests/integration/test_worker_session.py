"""The worker's calls of a session at the broker, in order: a real PostgreSQL, and no broker."""

import inspect
import threading
import time
from functools import partial

import pytest
from sqlalchemy import text

from ingest_worker.broker_session import BrokerSession
from ingest_worker.fatal_errors import DeafWorkerError
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.worker import STORING, Worker
from ingest_worker.worker_health import WorkerHealth
from shared.settings import WorkerSettings
from shared.storage.engine import writer_engine
from tests.conftest import eventually
from tests.fake_session import FakeSession
from tests.readings import at, payload, raw

TOPIC, CONFIRM = b"vehicles/VIN-00001/telemetry", b"vehicles/VIN-00001/telemetry/confirm"
STATUS = b"vehicles/VIN-00001/status"
RECEIPTS = "vehicles/VIN-00001/receipts"


@pytest.fixture
def session():
    return FakeSession()


@pytest.fixture
def slot():
    """No slot; a class of tests may have another fixture."""


@pytest.fixture
def worker(session, database_url, slot, monkeypatch, tmp_path):
    """Create a worker with that session, which is not running; a batch has up to two messages."""
    monkeypatch.chdir(tmp_path)
    health = WorkerHealth()
    metrics = WorkerMetrics(session, health)
    chosen = WorkerSettings(database_url=database_url, ingest_batch_ms=20, mqtt_max_inflight=8)
    new_engine = partial(writer_engine, database_url, name="test-worker")
    made = Worker(chosen, session, new_engine, health, metrics, slot=slot)
    made.metrics, made.failures = metrics, []

    def run():
        try:
            made.run()
        except DeafWorkerError as error:
            made.failures.append(error)

    made.thread = threading.Thread(target=run, daemon=True)
    return made


def run_until(worker, check):
    """Run the worker until `check()` is true, then stop it."""
    if not worker.thread.is_alive():
        worker.thread.start()
    eventually(check)
    worker.stop()
    worker.thread.join(10)
    assert not worker.thread.is_alive()


def acknowledgements(session):
    return [call for call in session.calls if call[0] == "acknowledge"]


def test_the_fake_session_is_one():
    """Each member of the protocol, with the same parameters."""
    members = {name for name in vars(BrokerSession) if name[0] != "_"}
    assert {"take", "acknowledge", "publish", "connection", "inbox"} <= members
    for name in members:
        assert hasattr(FakeSession(), name), name
        if inspect.isfunction(expected := inspect.getattr_static(BrokerSession, name)):
            found = inspect.signature(getattr(FakeSession, name)).parameters
            assert list(found) == list(inspect.signature(expected).parameters), name


def test_receipts_then_acknowledgements_then_the_end(worker, session, engine):
    """Of one batch: the commit, the receipts, the acknowledgements in order of receipt, and a stop last."""
    committed = []

    def count():
        with engine.connect() as connection:
            committed.append(connection.execute(text("SELECT count(*) FROM telemetry")).scalar_one())

    session.on_acknowledge = count
    session.deliver((CONFIRM, payload(raw(second=1))), (TOPIC, payload(raw(second=2), raw(), raw(soc=101))))
    run_until(worker, lambda: acknowledgements(session))
    assert session.calls == ["start", ("publish", [RECEIPTS]), ("acknowledge", [1, 2]), "stop"]
    assert committed == [3]


@pytest.mark.parametrize("takes_receipts", [True, False])
def test_receipts_that_are_not_sent_are_counted(worker, session, takes_receipts):
    """The message is acknowledged all the same: its readings are stored."""
    session.takes_receipts = takes_receipts
    session.deliver((CONFIRM, payload(raw())))
    run_until(worker, lambda: acknowledgements(session))
    assert acknowledgements(session) == [("acknowledge", [1])]
    counted = (worker.metrics.receipts_sent, worker.metrics.receipts_unsent)
    assert counted == (takes_receipts, not takes_receipts)


def test_a_stop_stores_what_was_taken(worker, session):
    """The last batch is acknowledged ahead of the stop."""
    session.deliver((TOPIC, payload(raw())))
    run_until(worker, lambda: not len(session.inbox))
    assert session.calls == ["start", ("acknowledge", [1]), "stop"]


def test_a_session_that_is_dead_ends_the_worker(worker, session):
    """The worker ends with the session's error, after a stop of the session."""
    session.fatal = DeafWorkerError("dead")
    worker.thread.start()
    worker.thread.join(10)
    assert worker.failures == [session.fatal]
    assert session.calls == ["start", "stop"]


@pytest.fixture
def another_writer(database_url):
    """Return a connection that has inserted a reading of second 1: another writer of it waits for the end."""
    engine = writer_engine(database_url, name="test-another")
    with engine.connect() as connection:
        values = {"vin": "VIN-00001", "ts": at(1)}
        insert = "INSERT INTO telemetry (vin, ts, received_at, soc) VALUES (:vin, :ts, :ts, 50)"
        connection.execute(text(insert), values)
        yield connection
    engine.dispose()


def is_waited_for(engine):
    with engine.connect() as connection:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'"
        return connection.execute(text(waiting)).scalar_one() > 0


def test_the_last_status_is_stored_last(worker, session, engine, another_writer):
    """While a batch with `offline` waits for a lock, the next one with `online` does not overtake it."""

    def stored():
        with engine.connect() as connection:
            return connection.execute(text("SELECT status FROM vehicle_status")).scalars().all()

    session.deliver((STATUS, b"online"))
    worker.thread.start()
    eventually(lambda: stored() == ["online"])
    session.deliver(
        *((TOPIC, payload(raw(second=1))), (STATUS, b"offline")),
        *((TOPIC, payload(raw(second=2))), (STATUS, b"online")),
    )
    eventually(lambda: is_waited_for(engine))
    # Time for the second batch to commit, if it does not wait.
    time.sleep(0.5)
    another_writer.rollback()
    run_until(worker, lambda: acknowledgements(session)[-1] == ("acknowledge", [3, 4]))
    assert stored() == ["online"]


class FakeSlot:
    """A slot that is always held; `storing` are the threads that stored while the slot was freed."""

    number = last = 1
    storing = None

    def take(self, _numbers=None):
        return 1

    def client_id(self):
        return "fake"

    def close(self):
        self.storing = storing_threads()


def storing_threads():
    return [thread.name for thread in threading.enumerate() if thread.name in STORING]


class TestASlot:
    """A worker with a slot."""

    @pytest.fixture
    def slot(self):
        return FakeSlot()

    def test_the_slot_is_freed_once_nothing_is_written(self, worker, session, slot, engine, another_writer):
        """The next holder asks which messages without a time are stored: no commit may follow."""
        session.stop = another_writer.rollback
        session.deliver((TOPIC, payload(raw(second=1))))
        worker.thread.start()
        eventually(lambda: is_waited_for(engine))
        session.fatal = DeafWorkerError("dead")
        worker.thread.join(10)
        assert worker.failures == [session.fatal]
        assert slot.storing == []


def test_an_error_ends_the_threads_while_the_database_is_away(worker, session, engine):
    """A thread that waits for its next attempt gives up."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE telemetry RENAME COLUMN soc TO soc_before"))
    session.deliver((TOPIC, payload(raw(second=1))))
    worker.thread.start()
    eventually(lambda: worker.metrics.database_errors["deployment"] == 1)
    session.fatal = DeafWorkerError("dead")
    worker.thread.join(15)
    assert worker.failures == [session.fatal]
    assert storing_threads() == []
