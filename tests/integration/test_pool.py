"""The event loop's connections, against a real PostgreSQL."""

import asyncio
import time

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from api.db.errors import DatabaseBusyError
from api.db.pool import Pool, PoolLimits
from shared.storage.engine import address
from tests.conftest import eventually
from tests.sessions import end, sessions, sleep, until_asleep

NAME = "pool-under-test"


@pytest.fixture
def pooled(database_url):
    """Run a test with a pool of this size, and close it."""

    def run(test, size=3, **limits):
        async def drive():
            arguments = {**address(database_url), "autocommit": True, "application_name": NAME}
            pool = Pool(size, PoolLimits(**limits), purpose="tests", **arguments)
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
    """Return the process id of the session that runs the next query."""
    async with pool.connection() as connection:
        return await pid_of(connection)


def test_opened_when_needed(pooled, engine):
    """Queries one after the other need a single connection."""

    async def test(pool):
        assert sessions(engine, NAME) == set()
        first = await one(pool)
        assert {await one(pool) for _ in range(10)} == {first}
        assert sessions(engine, NAME) == {first}

    pooled(test)


@pytest.mark.parametrize("size", [1, 3])
def test_no_more_than_its_size(pooled, engine, size):
    """A caller waits while all connections are taken."""

    async def test(pool):
        async def work():
            async with pool.connection() as connection:
                await sleep(connection, 0.02)
                return await pid_of(connection)

        used = await asyncio.gather(*(work() for _ in range(8 * size)))
        assert len(set(used)) == size
        assert sessions(engine, NAME) == set(used)

    pooled(test, size)


def test_a_broken_connection_replaces_the_idle_ones(pooled, engine):
    """After a restart of the server one error removes every older connection."""

    async def test(pool):
        async with pool.connection(), pool.connection():
            pass
        end(engine, NAME)
        with pytest.raises(psycopg.OperationalError):
            await one(pool)
        assert len({await one(pool) for _ in range(3)}) == 1

    pooled(test)


def test_a_connection_with_an_unread_result_is_not_used_again(pooled, engine):
    """A connection with an unread result must not give it to the next query."""

    async def test(pool):
        async with pool.connection() as connection:
            left = await pid_of(connection)
            connection.pgconn.send_query(b"SELECT 'of another'")
        assert connection.closed
        assert await one(pool) != left

        async with pool.connection() as connection:
            await connection.execute("BEGIN")
        async with pool.connection() as connection:
            assert connection.info.transaction_status is TransactionStatus.IDLE

    pooled(test)


def test_a_cancelled_query(pooled, engine):
    """A cancelled query is ended in the server, too; afterwards the pool works with all its connections."""

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
        # All connections are free again.
        async with pool.connection(), pool.connection(), pool.connection():
            assert len(sessions(engine, NAME)) == 3

    pooled(test)


def test_a_failed_attempt_to_connect_frees_its_slot():
    """A failed attempt to connect frees its slot and is busy: only the heartbeat decides on away."""

    async def test():
        limits = PoolLimits(wait_s=0.3)
        pool = Pool(1, limits, purpose="tests", host="127.0.0.1", port=1)
        for _ in range(3):
            with pytest.raises(DatabaseBusyError, match="became free"):
                await asyncio.wait_for(one(pool), 5)
        await pool.close()

    asyncio.run(test())


def test_busy_after_a_while_and_behind_many(pooled, engine):
    """Waiting time and queue are limited; the running statement is answered."""

    async def test(pool):
        async def hold():
            async with pool.connection() as connection:
                await sleep(connection, 1.5)
                return "answered"

        held = asyncio.ensure_future(hold())
        await until_asleep(engine)
        waiting = [asyncio.ensure_future(one(pool)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(DatabaseBusyError, match="2 calls wait"):
            await one(pool)
        for each in waiting:
            with pytest.raises(DatabaseBusyError, match="none of its 1 connections for tests"):
                await each
        assert not held.done()
        assert await held == "answered"
        await one(pool)

    pooled(test, 1, wait_s=0.3, most_waiting=2)


def test_a_connection_grows_old(pooled):
    """A connection over its maximum age is closed after its next use."""

    async def test(pool):
        first = await one(pool)
        assert await one(pool) == first
        await asyncio.sleep(0.5)
        await one(pool)
        assert await one(pool) != first

    pooled(test, max_age_s=0.5)


def test_it_shrinks_after_a_burst(pooled, engine):
    """Connections of a burst are closed after their idle time."""

    async def test(pool):
        async def work():
            async with pool.connection() as connection:
                await sleep(connection, 0.1)

        await asyncio.gather(*(work() for _ in range(9)))
        assert len(sessions(engine, NAME)) == 3
        await asyncio.to_thread(eventually, lambda: not sessions(engine, NAME))

    pooled(test, max_idle_s=0.3)


def test_replaced(pooled, engine):
    """Idle connections are closed and waiting callers get an error; a running statement is answered."""

    async def test(pool):
        async def hold():
            async with pool.connection() as connection:
                await sleep(connection, 0.7)
                return await pid_of(connection)

        held = [asyncio.ensure_future(hold()) for _ in range(2)]
        await until_asleep(engine, 2)
        waits = asyncio.ensure_future(one(pool))
        await asyncio.sleep(0)
        pool.replace()
        with pytest.raises(psycopg.OperationalError):
            await waits
        fresh = await one(pool)
        assert fresh not in await asyncio.gather(*held)
        await asyncio.to_thread(eventually, lambda: sessions(engine, NAME) == {fresh})

    pooled(test, 2)


def test_ending_one_ends_no_other(pooled, engine):
    """A timeout concerns one statement: other running statements and idle connections stay."""

    async def test(pool):
        async def hold(connections):
            async with pool.connection() as connection:
                connections.append(connection)
                await sleep(connection, 1)

        async with pool.connection(), pool.connection(), pool.connection():
            before = sessions(engine, NAME)
        connections = []
        tasks = [asyncio.ensure_future(hold(connections)) for _ in range(2)]
        await until_asleep(engine, 2)
        pool.end(connections[0])
        ended, answered = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(ended, psycopg.OperationalError)
        assert answered is None
        # The server ends a cut session only once its statement is over.
        await asyncio.to_thread(eventually, lambda: len(before & sessions(engine, NAME)) == 2)

    pooled(test)


def test_an_error_of_the_statement_keeps_the_connection(pooled):
    """An error of the statement does not close the connection."""

    async def test(pool):
        first = await one(pool)
        with pytest.raises(psycopg.errors.UndefinedColumn):
            async with pool.connection() as connection:
                await connection.execute("SELECT nonsense")
        assert await one(pool) == first

    pooled(test)


def test_close_ends_a_hanging_query(pooled, engine):
    """Waiting calls get an error at once, and later calls are refused."""

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
