"""Connections of one purpose, for the event loop: psycopg_pool's, with the answers that the API gives.

psycopg_pool limits the wait for a connection, renews those that are old and closes those that are idle. Added
here: a wait that ended in vain is "busy"; and a pool is replaced whole when the database was away, since its
connections are dead, and its own attempts to connect come at growing distances.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from api.db.errors import DatabaseBusyError
from shared.storage.engine import cut

# Each failed attempt to connect is a warning there, for each pool; the heartbeat says it once.
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How long callers wait and connections live, in seconds."""

    wait_s: float = 5.0
    most_waiting: int = 200
    max_age_s: float = 1_800.0
    max_idle_s: float = 120.0


class Pool:
    """Up to `size` connections, opened when they are needed. `connect` is what psycopg's `connect` takes.

    With `checks_first` a connection proves that it lives before it is handed out: one round trip more.
    """

    def __init__(
        self, size: int, limits: PoolLimits, *, purpose: str, checks_first: bool = False, **connect: Any
    ) -> None:
        self._size = size
        self._limits = limits
        self._purpose = purpose
        self._check = AsyncConnectionPool.check_connection if checks_first else None
        self._connect = connect
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._busy: dict[Connection, AsyncConnectionPool[Connection]] = {}
        self._ended: set[Connection] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def take(self) -> Connection:
        """A connection, which has to be given back.

        Raises DatabaseBusyError where none became free in time or too many wait, OperationalError where the
        pool was closed or replaced meanwhile.
        """
        pool = self._pool
        if pool is None or pool.closed:
            pool = await self._opened()
        try:
            connection = await pool.getconn()
        except PoolTimeout:
            told = f"none of its {self._size} connections for {self._purpose} became free"
            raise DatabaseBusyError(f"{told} within {self._limits.wait_s:g} s") from None
        except TooManyRequests:
            told = f"{self._limits.most_waiting} calls wait for a connection for {self._purpose} already"
            raise DatabaseBusyError(told) from None
        self._busy[connection] = pool
        return connection

    async def give_back(self, connection: Connection) -> None:
        """Let others take it, or close it where it broke or is too old."""
        pool = self._busy.pop(connection)
        if connection.closed:
            self._notice(connection, pool)
        # To the pool that it came from, which may have been replaced: that one closes the connection.
        await pool.putconn(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for the length of the block. Raises what `take` raises."""
        connection = await self.take()
        try:
            yield connection
        finally:
            await self.give_back(connection)

    def _notice(self, connection: Connection, pool: "AsyncConnectionPool[Connection]") -> None:
        """One broke: those beside it went the same way, as a rule, since the server has restarted."""
        was_ended = connection in self._ended
        self._ended.discard(connection)
        if not was_ended and pool is self._pool:
            self.replace()

    async def _opened(self) -> "AsyncConnectionPool[Connection]":
        if self._closed:
            raise psycopg.OperationalError("closed")
        if self._pool is None:
            self._pool = AsyncConnectionPool(
                open=False,
                min_size=0,
                max_size=self._size,
                max_waiting=self._limits.most_waiting,
                timeout=self._limits.wait_s,
                max_lifetime=self._limits.max_age_s,
                max_idle=self._limits.max_idle_s,
                # An attempt that failed is repeated once; the next caller begins anew.
                reconnect_timeout=1.0,
                check=self._check,
                kwargs=self._connect,
            )
        pool = self._pool
        if pool.closed:
            await pool.open()
        return pool

    def replace(self) -> None:
        """Let go of every idle connection and of every caller that waits for one; the next one opens anew.

        Connections in use stay as they are, and are closed when they come back.
        """
        if self._pool is None:
            return
        # Without a wait for attempts to connect that hang: callers are told only after it.
        task = asyncio.ensure_future(self._pool.close(timeout=0))
        self._pool = None
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def end(self, connection: Connection) -> None:
        """End the statement on one connection with an error; the others have no part in that."""
        self._ended.add(connection)
        # A statement that is cancelled would wait for a server that may not hear of it.
        cut(connection)

    def cut(self) -> None:
        """End every statement that is under way with an error: the database is away."""
        for connection in self._busy:
            cut(connection)

    async def close(self) -> None:
        """Close every connection; a statement that is never answered ends with an error."""
        self._closed = True
        self.replace()
        self.cut()
        await asyncio.gather(*self._closing, return_exceptions=True)
