"""Pool of connections of one purpose, for the event loop: psycopg_pool with the API's errors.

psycopg_pool limits the wait for a connection, renews old connections and closes idle ones. Added here: a wait
that times out raises DatabaseBusyError; and the whole pool is replaced when the database was away, since its
connections are dead, and psycopg_pool tries to reconnect at growing intervals.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from api.db.errors import DatabaseBusyError
from shared.storage.engine import cut

# Each pool warns of each failed attempt to connect; the heartbeat logs the failure once.
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)

P = ParamSpec("P")
T = TypeVar("T")

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class RunQuery(Protocol):
    """A function that runs one query after the other on a connection that is held."""

    async def __call__(
        self,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run a query and return its result."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Waiting time and age of connections, in seconds, and the number of callers that may wait."""

    wait_s: float = 5.0
    most_waiting: int = 200
    max_age_s: float = 1_800.0
    max_idle_s: float = 120.0


class Pool:
    """Up to `size` connections, opened when needed; `connect` holds the arguments of psycopg's `connect`.

    With `checks_first` each connection is checked before it is handed out: one round trip more.
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
        """Take a connection, which has to be given back.

        Raises DatabaseBusyError where none became free in time or too many wait, OperationalError where the
        pool was closed or replaced meanwhile.
        """
        pool = self._pool
        if pool is None or pool.closed:
            pool = await self._open()
        try:
            connection = await pool.getconn()
        except PoolTimeout:
            reason = f"none of its {self._size} connections for {self._purpose} became free"
            raise DatabaseBusyError(f"{reason} within {self._limits.wait_s:g} s") from None
        except TooManyRequests:
            reason = f"{self._limits.most_waiting} calls wait for a connection for {self._purpose} already"
            raise DatabaseBusyError(reason) from None
        self._busy[connection] = pool
        return connection

    async def give_back(self, connection: Connection) -> None:
        """Return a connection to its pool, or close it where it broke or is too old."""
        pool = self._busy.pop(connection)
        if connection.closed:
            self._replace_after_break(connection, pool)
        # To the pool that the connection came from: a replaced pool closes the connection.
        await pool.putconn(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Hold a connection for the length of the block. Raises the errors of `take`."""
        connection = await self.take()
        try:
            yield connection
        finally:
            await self.give_back(connection)

    def _replace_after_break(self, connection: Connection, pool: "AsyncConnectionPool[Connection]") -> None:
        """Replace the pool after a break: as a rule the server has restarted, and all connections broke."""
        was_ended = connection in self._ended
        self._ended.discard(connection)
        if not was_ended and pool is self._pool:
            self.replace()

    async def _open(self) -> "AsyncConnectionPool[Connection]":
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
                # A failed attempt to connect is retried once; the next caller starts over.
                reconnect_timeout=1.0,
                check=self._check,
                kwargs=self._connect,
            )
        pool = self._pool
        if pool.closed:
            await pool.open()
        return pool

    def replace(self) -> None:
        """Drop the idle connections and the waiting callers; the next caller opens a new pool.

        Connections in use stay open, and are closed when they are given back.
        """
        if self._pool is None:
            return
        # Waiting callers get their error after the close, which must not wait for attempts that hang.
        task = asyncio.ensure_future(self._pool.close(timeout=0))
        self._pool = None
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def end(self, connection: Connection) -> None:
        """End the statement on one connection with an error; the other connections stay."""
        self._ended.add(connection)
        # Cancelling the statement would wait for a server that may not respond.
        cut(connection)

    def cut(self) -> None:
        """End every running statement with an error: the database is away."""
        for connection in self._busy:
            cut(connection)

    async def close(self) -> None:
        """Close every connection; a statement that is never answered ends with an error."""
        self._closed = True
        self.replace()
        self.cut()
        await asyncio.gather(*self._closing, return_exceptions=True)
