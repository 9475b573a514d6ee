"""The event loop's connections, against a real PostgreSQL."""

import asyncio
import time

import psycopg
import pytest

from api.pool import Pool
from shared.database import address
from tests.sessions import end, sessions, sleep, until_asleep

NAME = "pool-under-test"


@pytest.fixture
def pooled(database_url):
    """Run a test with a pool of this size, and close it."""

    def run(test, size=3):
        async def drive():
            pool = Pool(size, **address(database_url), autocommit=True, application_name=NAME)
            try:
                await asyncio.wait_for(test(pool), 30)
            finally:
                await pool.close()

        asyncio.run(drive())

    return run


async def pid_of(connection):
    cursor = await connection.execute("SELECT pg_backend_pid()")
    return (await cursor.fetchone())[0]


async def one(pool):
    """The process that answers next."""
    async with pool.connection() as connection:
        return await pid_of(connection)


def test_the_one_used_last_comes_first(pooled, engine):
    """One after the other needs a single connection; of several, the one put back last is taken."""

    async def test(pool):
        assert sessions(engine, NAME) == set()
        first = await one(pool)
        assert {await one(pool) for _ in range(10)} == {first}
        async with pool.connection() as outer:
            async with pool.connection() as inner:
                assert await pid_of(outer) == first
                second = await pid_of(inner)
            assert await one(pool) == second
        assert await one(pool) == first
        assert sessions(engine, NAME) == {first, second}

    pooled(test)


@pytest.mark.parametrize("size", [1, 3])
def test_no_more_than_its_size(pooled, engine, size):
    """Whoever comes when all are taken waits for one."""

    async def test(pool):
        async def work():
            async with pool.connection() as connection:
                await sleep(connection, 0.02)
                return await pid_of(connection)

        used = await asyncio.gather(*(work() for _ in range(8 * size)))
        assert len(set(used)) == size
        assert sessions(engine, NAME) == set(used)

    pooled(test, size)


def test_one_that_broke_takes_the_idle_ones_along(pooled, engine):
    """After a restart of the server one error clears all that came from before it."""

    async def test(pool):
        async with pool.connection(), pool.connection():
            pass
        end(engine, NAME)
        with pytest.raises(psycopg.OperationalError):
            await one(pool)
        assert len({await one(pool) for _ in range(3)}) == 1

    pooled(test)


def test_amid_a_question_it_is_not_used_again(pooled, engine):
    """Of a question that was sent and not read to its end, the next one must not get the answer."""

    async def test(pool):
        async with pool.connection() as connection:
            left = await pid_of(connection)
            connection.pgconn.send_query(b"SELECT 'of another'")
        assert connection.closed
        assert await one(pool) != left

        async with pool.connection() as connection:
            in_transaction = await pid_of(connection)
            await connection.execute("BEGIN")
        assert connection.closed
        assert await one(pool) != in_transaction

    pooled(test)


def test_a_question_that_was_given_up(pooled, engine):
    """It is ended in the server, too; afterwards the pool is as good as new."""

    async def test(pool):
        async def hang():
            async with pool.connection() as connection:
                await sleep(connection)

        for _ in range(3):
            task = asyncio.ensure_future(hang())
            await until_asleep(engine)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until_asleep(engine, 0)
        assert len({await one(pool) for _ in range(3)}) == 1
        # The permits have come back.
        async with pool.connection(), pool.connection(), pool.connection():
            assert len(sessions(engine, NAME)) == 3

    pooled(test)


def test_one_that_can_not_connect_leaves_room(database_url):
    """What connecting raises is raised, as often as it is tried, and takes nothing from the size."""

    async def test():
        pool = Pool(1, host="127.0.0.1", port=1)
        for _ in range(3):
            with pytest.raises(psycopg.OperationalError):
                await asyncio.wait_for(one(pool), 5)
        await pool.close()

    asyncio.run(test())


def test_an_error_of_the_statement_keeps_the_connection(pooled):
    """What is wrong with the question is not wrong with the connection."""

    async def test(pool):
        first = await one(pool)
        with pytest.raises(psycopg.errors.UndefinedColumn):
            async with pool.connection() as connection:
                await connection.execute("SELECT nonsense")
        assert await one(pool) == first

    pooled(test)


def test_close_ends_a_question_that_hangs(pooled, engine):
    """Those that wait get an error at once, and nobody can ask any more."""

    async def test(pool):
        async def hang():
            async with pool.connection() as connection:
                await sleep(connection)

        tasks = [asyncio.ensure_future(hang()) for _ in range(2)]
        await until_asleep(engine, 2)
        await one(pool)
        began = time.monotonic()
        await pool.close()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert time.monotonic() - began < 2
        assert [type(error) for error in found] == [psycopg.OperationalError] * 2
        with pytest.raises(psycopg.OperationalError):
            await one(pool)

    pooled(test)
