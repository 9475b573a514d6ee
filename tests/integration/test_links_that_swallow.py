"""A link to the database that swallows what is sent while TCP goes on: every wait has an end all the same."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ingest_worker.patience import Patience
from scripts.faults.proxy import Mode, Proxy
from shared.database import writer_engine
from shared.database_errors import Fault, classify
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
    """The test's database by way of the link."""
    return database_url.replace(f":{postgres.port}/", f":{link.port}/")


def test_a_transaction_is_given_up(link, url):
    """The wait ends with an error that is waited out; the next connection is used as ever."""
    engine = writer_engine(url, name="test")
    patience = Patience(engine, longest_s=1.0)
    with patience, engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    link.mode = Mode.SWALLOW
    began = time.monotonic()
    with pytest.raises(OperationalError) as refused, patience, engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    assert 0.9 < time.monotonic() - began < 5
    assert classify(refused.value) is Fault.TRANSIENT
    link.mode = Mode.FORWARD
    with patience, engine.begin() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()


def test_what_is_quick_is_left_alone(engine):
    """However often it is used: the time counts from each begin anew."""
    patience = Patience(engine, longest_s=0.5)
    with engine.connect() as kept:
        for _ in range(10):
            with patience:
                kept.execute(text("SELECT pg_sleep(0.1)"))
        time.sleep(1)
        assert kept.execute(text("SELECT 1")).scalar_one() == 1


def test_the_api_writes_and_reads_again(link, url, serve):
    """Calls are answered 503 within 3 s meanwhile; once the link is well, both ways work within seconds."""
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
