"""How the API asks the database, and how it gives up, against a real PostgreSQL."""

import asyncio
import time

import psycopg
import pytest
from sqlalchemy import text

from api.database import Database
from api.errors import DatabaseAwayError
from shared.settings import ApiSettings
from tests.sessions import end, sessions, sleep, sleep_blocking, until_asleep


@pytest.fixture
def opened(database_url, monkeypatch, tmp_path):
    """Run a test with the API's database, and close it."""
    monkeypatch.chdir(tmp_path)

    def run(test):
        async def drive():
            database = Database(ApiSettings(database_url=database_url, api_pool_size=3))
            try:
                await asyncio.wait_for(test(database), 30)
            finally:
                await database.close()

        asyncio.run(drive())

    return run


async def answer(connection):
    cursor = await connection.execute("SELECT 42")
    return (await cursor.fetchone())[0]


def test_after_all_sessions_were_ended(opened, engine):
    """As after a restart of the server: the next questions are answered, one at a time or several at once."""

    async def test(database):
        for number in (1, 3, 8):
            await asyncio.gather(*(database.read(sleep, 0.05) for _ in range(3)))
            assert len(sessions(engine, "battery-api-read")) == 3
            end(engine, "battery-api-%")
            found = await asyncio.gather(*(database.read(answer) for _ in range(number)))
            assert found == [42] * number

    opened(test)


def test_the_same_for_what_is_written(opened, engine):
    """The next change succeeds, and reads nothing of the sessions that were ended."""

    async def test(database):
        await asyncio.gather(*(database.write(sleep_blocking, 0.05) for _ in range(3)))
        end(engine, "battery-api-%")
        assert await database.write(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1

    opened(test)


def test_health_after_a_restart(opened, engine):
    """Its own connection is from before it; the database is not down for that."""

    async def test(database):
        await database.ping()
        end(engine, "battery-api-ping")
        await database.ping()

    opened(test)


def test_reading_only(opened):
    """What answers questions can't change a row."""

    async def test(database):
        async def change(connection):
            await connection.execute("DELETE FROM telemetry")

        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await database.read(change)

    opened(test)


@pytest.mark.parametrize("way", ["read", "write", "read_blocking"])
def test_closing_does_not_wait(opened, engine, way):
    """Whoever hangs in the database is told at once, and no thread is left that waits."""

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


def test_a_server_that_does_not_answer_in_time(opened, engine, monkeypatch):
    """Longer than a statement may take nobody waits."""
    monkeypatch.setenv("API_STATEMENT_TIMEOUT_MS", "100")
    monkeypatch.setattr("api.database._GRACE_S", 0.2)

    async def test(database):
        async def endless(connection):
            await asyncio.sleep(20)

        began = time.monotonic()
        with pytest.raises(DatabaseAwayError):
            await database.read(endless)
        assert time.monotonic() - began < 2

    opened(test)
