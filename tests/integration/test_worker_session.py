"""The worker's calls of a session at the broker, in order: a real PostgreSQL, and no broker."""

import inspect
import threading
from functools import partial

import pytest
from sqlalchemy import text

from ingest_worker.broker_session import BrokerSession
from ingest_worker.fatal_errors import DeafWorkerError
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.worker import Worker
from ingest_worker.worker_health import WorkerHealth
from shared.settings import WorkerSettings
from shared.storage.engine import writer_engine
from tests.conftest import eventually
from tests.fake_session import FakeSession
from tests.readings import payload, raw

TOPIC, CONFIRM = b"vehicles/VIN-00001/telemetry", b"vehicles/VIN-00001/telemetry/confirm"
RECEIPTS = "vehicles/VIN-00001/receipts"


@pytest.fixture
def session():
    return FakeSession()


@pytest.fixture
def worker(session, database_url, monkeypatch, tmp_path):
    """Create a worker with that session, which is not running."""
    monkeypatch.chdir(tmp_path)
    health = WorkerHealth()
    metrics = WorkerMetrics(session, health)
    chosen = WorkerSettings(database_url=database_url, ingest_batch_ms=20)
    made = Worker(chosen, session, partial(writer_engine, database_url, name="test-worker"), health, metrics)
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
    session.deliver((CONFIRM, payload(raw(second=1))), (TOPIC, payload(raw(second=2))), (TOPIC, b"nonsense"))
    run_until(worker, lambda: acknowledgements(session))
    assert session.calls == ["start", ("publish", [RECEIPTS]), ("acknowledge", [1, 2, 3]), "stop"]
    assert committed == [2]


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
