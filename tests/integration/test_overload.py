"""Overload and outage: the API's answers when the database is busy, and when it hangs."""

import asyncio
import gc
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.db.connection_budget import (
    TooManyConnectionsError,
    connections_per_process,
    require_enough_connections,
)
from api.http.request_limit import RequestLimit
from api.lifespan import make_database
from api.queries import series as queries
from scripts.faults.states import frozen
from scripts.launcher.postgres import Postgres
from shared.api_settings import ApiSettings
from shared.migrate import migrate
from shared.storage.engine import writer_engine
from tests.calls import post, problem
from tests.conftest import FAST, driver_url, eventually, server_folder
from tests.readings import raw
from tests.sessions import sessions, sleep, sleep_blocking

VEHICLE = "/api/vehicles/VIN-00001"
LATEST, HISTORY = f"{VEHICLE}/latest", f"{VEHICLE}/telemetry"
SUMMARY = f"{VEHICLE}/summary?from_ts=2026-01-01T00:00:00Z&to_ts=2026-02-01T00:00:00Z"
SERIES = f"{VEHICLE}/series?from_ts=2026-01-24T00:00:00Z&to_ts=2026-01-25T00:00:00Z&interval=1h"
OUTAGE = ("away", "back after", "in time", "never retrieved")


@contextmanager
def locked(engine, table):
    """Lock the table for the length of the block."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def waiting_for_locks(engine, name):
    """Count the sessions of an application that wait for a lock."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND wait_event_type = 'Lock'"
    )
    with engine.connect() as connection:
        return connection.execute(text(query), {"name": name}).scalar_one()


def refused_as_busy(answer):
    """Check that an answer is 503 for a busy database, with Retry-After; returns its sentence."""
    detail = problem(answer, 503)["detail"]
    assert "busy" in detail
    assert int(answer.headers["retry-after"]) > 0
    assert not any(word in detail for word in OUTAGE)
    return detail


def outages(caplog):
    """Collect the lines of the log on an outage, or on an exception that was never retrieved."""
    return [line for line in caplog.messages if any(word in line for word in OUTAGE)]


def test_busy_is_answered_busy(serve, database_url, engine, caplog):
    """Calls that wait for one of two connections are refused; calls that hold one are answered."""
    api = serve(database_url=database_url, api_pool_size=2, api_wait_ms=300)
    assert post(api, raw()).status_code == 200
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(4) as pool:
        with locked(engine, "telemetry"):
            reading = [pool.submit(api.get, SUMMARY) for _ in range(2)]
            writing = [pool.submit(post, api, raw(second=second)) for second in (1, 2)]
            eventually(lambda: waiting_for_locks(engine, "battery-api-read") == 2)
            eventually(lambda: waiting_for_locks(engine, "battery-api-write") == 2)
            refused_as_busy(api.get(LATEST))
            assert "Nothing was stored" in refused_as_busy(post(api, raw(second=9)))
            assert api.get("/api/health").json() == {"status": "OK", "db": "OK"}
        assert [answer.result().status_code for answer in (*reading, *writing)] == [200] * 4
    assert api.get(SUMMARY).json()["samples"] == 3
    assert outages(caplog) == []


def test_costly_calls_wait_by_themselves(serve, database_url, engine, caplog, monkeypatch):
    """Costly calls do not delay latest, summary or POST; calls beyond their queue are refused at once."""
    read_series = queries.series

    async def read_after_lock(connection, *arguments):
        await connection.execute("SELECT count(*) FROM vehicle_profiles")
        return await read_series(connection, *arguments)

    monkeypatch.setattr(queries, "series", read_after_lock)
    api = serve(database_url=database_url, api_pool_size=1, api_heavy_calls=1, api_wait_ms=20_000)
    assert post(api, raw()).status_code == 200
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(30) as pool:
        with locked(engine, "vehicle_profiles"):
            first = pool.submit(api.get, SERIES)
            eventually(lambda: waiting_for_locks(engine, "battery-api-heavy") == 1)
            costly = [pool.submit(api.get, HISTORY) for _ in range(25)]
            eventually(lambda: sum(call.done() for call in costly) == 5)
            assert api.get(LATEST).status_code == 200
            assert api.get(SUMMARY).status_code == 200
            assert post(api, raw(second=1)).json() == {"inserted": 1}
            for call in costly:
                if call.done():
                    refused_as_busy(call.result())
        assert first.result().status_code == 200
        assert sorted(call.result().status_code for call in costly) == [200] * 20 + [503] * 5
    assert outages(caplog) == []


@pytest.fixture
def own_server():
    """Start a server that a test may stop; yields it and the URL of a database with the schema."""
    with server_folder() as folder:
        server = Postgres(folder / "postgres", settings=FAST)
        server.start()
        url = driver_url(server.create_database("battery"))
        engine = writer_engine(url, name="template")
        migrate(engine)
        engine.dispose()
        yield server, url
        server.stop()


def test_a_database_that_hangs(serve, own_server, caplog):
    """503 in time for every call, also under many POSTs; later calls succeed, and no exception is left."""
    server, url = own_server
    api = serve(database_url=url, api_pool_size=2)
    assert post(api, raw()).status_code == 200
    over = threading.Event()
    stored, answers = set(), []

    def keep(ask):
        while not over.is_set():
            began = time.monotonic()
            status = ask()
            answers.append((status, time.monotonic() - began))

    def post_one(numbers):
        number = next(numbers)
        status = post(api, raw(second=number)).status_code
        if status == 200:
            stored.add(number)
        return status

    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(12) as pool:
        numbers = count(1_000)
        for _ in range(8):
            pool.submit(keep, lambda: post_one(numbers))
        for path in (LATEST, SUMMARY, HISTORY, "/api/health"):
            pool.submit(keep, lambda path=path: api.get(path).status_code)
        try:
            time.sleep(0.5)
            with frozen(server):
                eventually(lambda: api.get("/api/health").status_code == 503)
                time.sleep(1)
                assert post(api, raw(second=1)).status_code == 503
            for ask in (
                lambda: post(api, raw(second=1)).status_code,
                *(
                    lambda path=path: api.get(path).status_code
                    for path in (LATEST, SUMMARY, HISTORY, "/api/health")
                ),
            ):
                eventually(lambda ask=ask: ask() == 200)
        finally:
            over.set()
    gc.collect()
    assert {status for status, _ in answers} == {200, 503}
    # Generous: the guarantee is 3 seconds.
    assert max(seconds for _, seconds in answers) < 6
    lines = outages(caplog)
    assert len(lines) == 2, lines
    assert api.get(SUMMARY).json()["samples"] >= len(stored)
    engine = writer_engine(url, name="test")
    with engine.connect() as connection:
        found = connection.execute(text("SELECT extract(epoch FROM ts - '2026-01-24T12:00Z') FROM telemetry"))
        assert stored <= {int(second) for (second,) in found}
    engine.dispose()


def test_connections_are_counted(database_url, engine, monkeypatch, tmp_path):
    """Under any load a process opens as many connections as the budget counts, and no more."""
    monkeypatch.chdir(tmp_path)
    settings = ApiSettings(database_url=database_url, api_pool_size=3, api_heavy_calls=2)

    async def drive():
        database = make_database(settings)

        async def heavy():
            async with database.heavy() as ask:
                await ask(sleep, 0.5)

        try:
            await database.open()
            asking = [
                *(database.read(sleep, 0.5) for _ in range(6)),
                *(database.write(sleep_blocking, 0.5) for _ in range(6)),
                *(database.export(sleep, 0.5) for _ in range(6)),
                *(heavy() for _ in range(6)),
                *(database.read_keys(lambda connection: sleep(connection, 0.5)) for _ in range(2)),
            ]
            await asyncio.gather(*asking)
            return len(sessions(engine, "battery-api-%"))
        finally:
            await database.close()

    assert asyncio.run(drive()) == connections_per_process(settings) == 12


def test_more_than_the_database_takes(engine, monkeypatch, tmp_path):
    """The start is refused with a line that names the settings and the limit: of server, database or user."""
    monkeypatch.chdir(tmp_path)
    few, many = ApiSettings(api_processes=2), ApiSettings(api_processes=7)
    with engine.connect() as connection:
        require_enough_connections(connection, few)
        with pytest.raises(TooManyConnectionsError, match=r"POOL_SIZE=8.*7 x 22.*takes 97"):
            require_enough_connections(connection, many)
        name = engine.url.database
        connection.execute(text(f"ALTER DATABASE {name} CONNECTION LIMIT 20"))
        with pytest.raises(TooManyConnectionsError, match=r"2 x 22.*takes 20 \(the limit of its database\)"):
            require_enough_connections(connection, few)


def test_more_requests_than_are_answered_at_once():
    """A request beyond the limit is refused as a problem before its body is read; health still answers."""

    async def drive():
        go = asyncio.Event()
        app = FastAPI()
        app.add_middleware(RequestLimit)
        app.state.settings = ApiSettings(api_most_requests=2)

        @app.get("/{path:path}")
        async def wait(path):
            if path == "slow":
                await go.wait()

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            slow = [asyncio.ensure_future(client.get("/slow")) for _ in range(2)]
            await asyncio.sleep(0.1)
            refused = await client.get("/other")
            live = await client.get("/api/health/live")
            go.set()
            return refused, live, [(await answer).status_code for answer in slow], await client.get("/other")

    refused, live, slow, after = asyncio.run(drive())
    refused_as_busy(refused)
    assert live.status_code == 200
    assert slow == [200, 200]
    assert after.status_code == 200
