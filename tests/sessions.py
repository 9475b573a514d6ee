"""Sessions of PostgreSQL, for tests: sessions that hang, and helpers to find and end them."""

import asyncio

from sqlalchemy import text

from tests.conftest import eventually


async def sleep(connection, seconds=20):
    await connection.execute("SELECT pg_sleep(%s)", (seconds,))


def sleep_blocking(connection, seconds=20):
    connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})


def sessions(engine, name):
    """Return the process ids of an application's sessions."""
    with engine.connect() as connection:
        statement = text("SELECT pid FROM pg_stat_activity WHERE application_name LIKE :name")
        return set(connection.execute(statement, {"name": name}).scalars())


def end(engine, name):
    """End every session of an application."""
    with engine.begin() as connection:
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE :name"
        connection.execute(text(statement), {"name": name})
    eventually(lambda: not sessions(engine, name))


async def until_asleep(engine, number=1):
    """Wait until so many sessions sleep in the server."""

    def asleep():
        with engine.connect() as connection:
            statement = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            return connection.execute(text(statement)).scalar_one() == number

    await asyncio.to_thread(eventually, asleep)
