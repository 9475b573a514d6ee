"""A network that drops what is sent to the database while TCP acknowledges: each wait has a timeout."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ingest_worker.database_deadline import StatementDeadline
from scripts.faults.proxy import Mode, Proxy
from shared.storage.engine import writer_engine
from shared.storage.error_classes import Fault, classify
from tests.calls import post
from tests.conftest import eventually
from tests.readings import raw


@pytest.fixture
def link(postgres):
    proxy = Proxy(postgres.host, postgres.port)
    yield proxy
    proxy.close()


@pytest.fixture
def url(postgres, database_url, link):
    """Return the URL of the test's database through the proxy."""
    return database_url.replace(f":{postgres.port}/", f":{link.port}/")


def test_a_transaction_is_given_up(link, url):
    """The wait ends with an error that is waited out; the next connection is used as ever."""
    engine = writer_engine(url, name="test")
    deadline = StatementDeadline(engine, seconds=1.0)
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    link.mode = Mode.SWALLOW
    began = time.monotonic()
    with pytest.raises(OperationalError) as refused, engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    assert time.monotonic() - began > 0.9
    assert deadline.has_cut
    assert classify(refused.value) is Fault.TRANSIENT
    link.mode = Mode.FORWARD
    with engine.begin() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()


def test_a_transaction_may_take_longer_than_its_statements(url):
    """The deadline restarts with each statement: a slow database has unlimited time in total."""
    engine = writer_engine(url, name="test")
    deadline = StatementDeadline(engine, seconds=0.6)
    began = time.monotonic()
    with engine.begin() as connection:
        for _ in range(5):
            connection.execute(text("SELECT pg_sleep(0.3)"))
        connection.exec_driver_sql("CREATE TEMPORARY TABLE copied (number int)")
        with connection.connection.driver_connection.cursor().copy("COPY copied FROM STDIN") as copy:
            for number in range(3):
                copy.write_row((number,))
                time.sleep(0.3)
    assert time.monotonic() - began > 4 * deadline.seconds
    assert not deadline.has_cut
    assert 0.3 <= deadline.longest_s < 0.6
    engine.dispose()


def test_a_cut_names_statement_and_stack(link, url, caplog):
    """One line each before the cut, without a value or a password; waits are reported as heartbeats."""
    engine = writer_engine(url, name="test")
    heard = []
    StatementDeadline(engine, seconds=0.5, on_wait=lambda: heard.append(time.monotonic()))
    question = text("SELECT CAST(:secret AS text), pg_sleep(0)")
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        link.mode = Mode.SWALLOW
        with pytest.raises(OperationalError):
            connection.execute(question, {"secret": "payload-value"})
    statement, stack = (record.getMessage() for record in caplog.records if "deadline" in record.name)
    assert "SELECT CAST(" in statement
    assert "test_a_cut_names_statement_and_stack" in stack
    assert "\n" not in statement + stack
    assert "payload-value" not in caplog.text
    assert len(heard) >= 2
    link.mode = Mode.FORWARD
    engine.dispose()


def test_the_api_writes_and_reads_again(link, url, serve):
    """Meanwhile calls are answered 503; once the network is back, reads and writes work within seconds."""
    api = serve(database_url=url, api_pool_size=2)
    assert post(api, raw()).status_code == 200
    link.mode = Mode.SWALLOW
    for second in range(4):
        began = time.monotonic()
        assert post(api, raw(second=second)).status_code == 503
        assert api.get("/api/vehicles/VIN-00001/summary", params=WINDOW).status_code == 503
        assert time.monotonic() - began < 6.5
    link.mode = Mode.FORWARD
    eventually(lambda: post(api, raw(second=99)).status_code == 200, within=8)
    eventually(lambda: api.get("/api/vehicles/VIN-00001/summary", params=WINDOW).status_code == 200, within=8)
    eventually(lambda: api.get("/api/health").status_code == 200, within=8)


WINDOW = {"from_ts": "2026-01-01T00:00:00Z", "to_ts": "2026-02-01T00:00:00Z"}
