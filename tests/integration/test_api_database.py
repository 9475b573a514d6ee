"""Queries and timeouts of the API's database, against a real PostgreSQL."""

import asyncio
import gc
import time

import psycopg
import pytest
from sqlalchemy import text

from api.db.errors import DatabaseBusyError, DatabaseLateError
from api.db.pool import PoolLimits
from api.lifespan import make_database
from shared.api_settings import ApiSettings
from tests.conftest import eventually
from tests.sessions import end, sessions, sleep, sleep_blocking, until_asleep


@pytest.fixture
def opened(database_url, monkeypatch, tmp_path):
    """Run a test with the API's database, and close it."""
    monkeypatch.chdir(tmp_path)

    def run(test, limits=None, **options):
        async def drive():
            settings = ApiSettings(**{"database_url": database_url, "api_pool_size": 3, **options})
            database = make_database(settings, limits)
            try:
                await database.open()
                await asyncio.wait_for(test(database), 30)
            finally:
                await database.close()

        asyncio.run(drive())

    return run


async def answer(connection):
    cursor = await connection.execute("SELECT 42")
    return (await cursor.fetchone())[0]


def test_after_all_sessions_were_ended(opened, engine):
    """After a restart of the server the next queries are answered, one at a time or several at once."""

    async def test(database):
        for number in (1, 3, 8):
            # Long enough for the third to connect before the first is done.
            await asyncio.gather(*(database.read(sleep, 0.5) for _ in range(3)))
            assert len(sessions(engine, "battery-api-read")) == 3
            end(engine, "battery-api-%")
            found = await asyncio.gather(*(database.read(answer) for _ in range(number)))
            assert found == [42] * number

    opened(test)


def test_writing_after_all_sessions_were_ended(opened, engine):
    """The next change succeeds, and uses none of the sessions that were ended."""

    async def test(database):
        await asyncio.gather(*(database.write(sleep_blocking, 0.05) for _ in range(3)))
        end(engine, "battery-api-%")
        assert await database.write(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1

    opened(test)


def test_health_after_a_restart(opened, engine):
    """The heartbeat's connection is older than the restart, and health is OK all the same."""

    async def test(database):
        await database.ping()
        end(engine, "battery-api-heartbeat")
        await database.ping()

    opened(test)


def test_reading_only(opened):
    """Connections for queries can't change a row."""

    async def test(database):
        async def change(connection):
            await connection.execute("DELETE FROM telemetry")

        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await database.read(change)

    opened(test)


@pytest.mark.parametrize("way", ["read", "write", "read_blocking"])
def test_closing_does_not_wait(opened, engine, way):
    """Calls that hang in the database end with an error at once, and no thread is left waiting."""

    async def test(database):
        ask = getattr(database, way)
        task = asyncio.ensure_future(ask(sleep if way == "read" else sleep_blocking))
        await until_asleep(engine)
        began = time.monotonic()
        await database.close()
        [error] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(error, Exception)
        assert time.monotonic() - began < 2

    began = time.monotonic()
    opened(test)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("way", ["read", "write", "heavy"])
def test_a_deadline_ends_its_own_connection(opened, engine, monkeypatch, way):
    """The server ends the statement, and other calls are answered meanwhile, reading or writing."""
    monkeypatch.setattr("api.db.database._GRACE_S", -14.0)

    async def test(database):
        async def within(ask, seconds):
            if ask == "heavy":
                async with database.heavy() as run:
                    return await run(sleep, seconds)
            return await getattr(database, ask)(sleep if ask == "read" else sleep_blocking, seconds)

        began = time.monotonic()
        late = asyncio.ensure_future(within(way, 20))
        await asyncio.sleep(0.8)
        others = [asyncio.ensure_future(within(other, 0.45)) for other in ("read", "write", "heavy") * 2]
        with pytest.raises(DatabaseLateError):
            await late
        assert time.monotonic() - began < 10
        assert await asyncio.gather(*others) == [None] * 6
        await database.ping()

    opened(test, api_heavy_calls=3)


def test_each_statement_of_a_transaction_has_its_own_time(opened, monkeypatch):
    """Three statements of 0.6 s pass a timeout of one second, though together they take 1.8 s."""
    monkeypatch.setattr("api.db.database._GRACE_S", -14.0)

    async def test(database):
        def change(connection):
            for _ in range(3):
                sleep_blocking(connection, 0.6)
            return "made"

        assert await database.write(change) == "made"

    opened(test)


def test_waiting_too_long_for_a_connection_is_busy(opened, engine):
    """A call that is refused sends no statement and ends none: running calls are answered."""

    async def test(database):
        for ask, work in ((database.read, sleep), (database.write, sleep_blocking)):
            running = [asyncio.ensure_future(ask(work, 1.5)) for _ in range(3)]
            await until_asleep(engine, 3)
            waiting = [asyncio.ensure_future(ask(work, 0)) for _ in range(4)]
            await asyncio.sleep(0.1)
            with pytest.raises(DatabaseBusyError, match="4 calls wait"):
                await ask(work, 0)
            found = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(error) for error in found] == [DatabaseBusyError] * 4
            assert await asyncio.gather(*running) == [None] * 3
            await database.ping()

    opened(test, PoolLimits(wait_s=0.4, most_waiting=4))


def test_a_connection_in_use_while_others_are_closed(opened, engine):
    """Its session ends when its transaction ends, and does not wait for the garbage collector."""

    async def test(database):
        await asyncio.gather(*(database.write(sleep_blocking, 0.1) for _ in range(3)))
        burst = sessions(engine, "battery-api-write")
        # Two times the interval at which idle connections are closed.
        await database.write(sleep_blocking, 0.9)
        await asyncio.to_thread(eventually, lambda: not sessions(engine, "battery-api-write") & burst)

    gc.disable()
    try:
        opened(test, PoolLimits(max_idle_s=0.4))
    finally:
        gc.enable()


def test_writers_shrink_and_grow_old(opened, engine):
    """Connections of a burst are closed, and the one in use is replaced at its maximum age."""

    async def test(database):
        await asyncio.gather(*(database.write(sleep_blocking, 0.1) for _ in range(6)))
        burst = sessions(engine, "battery-api-write")
        assert len(burst) == 3

        async def used():
            while len(found := sessions(engine, "battery-api-write")) > 1 or found & burst:
                await database.write(sleep_blocking, 0)
                await asyncio.sleep(0.05)

        await asyncio.wait_for(used(), 10)

    opened(test, PoolLimits(max_idle_s=0.5, max_age_s=1))
