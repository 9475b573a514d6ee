"""The API's connections to the database: read-only pools, writing threads, and a timeout on every wait.

Queries run on the event loop, over psycopg's own connections. Code that is shared with the worker and the
command line (`store`, rejections) blocks, and runs in a limited number of threads.

"Busy" and "away" are different errors. A call that gets no connection in time is refused as busy, and other
calls go on. A statement that takes too long ends its own connection. The heartbeat alone decides "away": then
every waiting call is ended, since none of them would be answered.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from sqlalchemy import Connection as BlockingConnection

from api.db.blocking import BlockingTransactions
from api.db.coalescing import RequestCoalescer, RowsByKey
from api.db.connection_budget import EXPORT_CONNECTIONS, KEYS_CONNECTIONS
from api.db.errors import DatabaseBusyError, DatabaseLateError, LinkLostError
from api.db.heartbeat import Heartbeat
from api.db.pool import Connection, Pool, PoolLimits, RunQuery
from shared.api_settings import ApiSettings
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.engine import address, connect_arguments

P = ParamSpec("P")
T = TypeVar("T")

# Time beyond the server's own statement timeout, after which a statement's connection is ended.
_GRACE_S = 2.0
_MAX_HEAVY_WAITING = 20
# Parallel workers of a costly query would take the processors from the other calls.
_HEAVY_SESSION = {"max_parallel_workers_per_gather": "0"}


class Database:
    """The connections of one app, opened and closed with it.

    Every call raises DatabaseBusyError, DatabaseAwayError, DatabaseLateError, LinkLostError, or the
    statement's own error.
    """

    def __init__(
        self,
        settings: ApiSettings,
        *,
        latest: Callable[[Connection, Sequence[str]], Awaitable[RowsByKey]],
        export_session: Mapping[str, str],
        limits: PoolLimits | None = None,
    ) -> None:
        """Prepare; `open` opens. `latest` is the query of `latest`, `export_session` sets up exports."""
        limits = limits or PoolLimits(wait_s=settings.api_wait_ms / 1000)
        heavy = PoolLimits(limits.wait_s, _MAX_HEAVY_WAITING, limits.max_age_s, limits.max_idle_s)
        self._limits = limits
        self._timeout_s = settings.api_statement_timeout_ms / 1000 + _GRACE_S
        self._readers = _pool(settings, limits, "read", settings.api_pool_size)
        self._heavy = _pool(settings, heavy, "heavy", settings.api_heavy_calls, _HEAVY_SESSION)
        self._exporters = _pool(settings, heavy, "export", EXPORT_CONNECTIONS, export_session)
        self._keys = _pool(settings, heavy, "keys", KEYS_CONNECTIONS)
        self._heartbeat = Heartbeat(
            lambda: _connect(settings), on_away=self._abort_all, on_restart=self._replace_all
        )
        self._blocking = BlockingTransactions(
            settings.database_url,
            self._heartbeat,
            limits,
            size=settings.api_pool_size,
            statement_timeout_ms=settings.api_statement_timeout_ms,
            timeout_s=self._timeout_s,
        )
        self._shrinking: asyncio.Task[None] | None = None
        self._query_latest = latest
        self._latest = RequestCoalescer(self._read_latest)
        self.copy_backoff = CopyBackoff()

    async def open(self) -> None:
        """Start the heartbeat. Raises DatabaseAwayError where the database does not answer."""
        self._shrinking = asyncio.create_task(self._shrink())
        await self._heartbeat.check()

    async def read(
        self,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run one short query on a read-only connection and return its result."""
        return await self._run_with_retry(self._readers, query, *arguments, **options)

    @asynccontextmanager
    async def heavy(self) -> AsyncIterator[RunQuery]:
        """Hold one of the few connections of costly calls, and yield a function that runs queries on it.

        The connection is held for the length of the block: leave the block before work without the database.
        """
        async with self._connection(self._heavy) as connection:

            async def run(
                query: Callable[Concatenate[Connection, P], Awaitable[T]],
                *arguments: P.args,
                **options: P.kwargs,
            ) -> T:
                return await self._run_with_timeout(self._heavy, connection, query, *arguments, **options)

            yield run

    async def export(
        self,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run one query of an export, on connections kept for exports, and return its result."""
        return await self._run_with_retry(self._exporters, query, *arguments, **options)

    async def read_keys(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a query on the connection kept for keys: a busy pool must not delay a revocation."""
        return await self._run_with_retry(self._keys, query)

    async def latest(self, vin: str) -> tuple[Any, ...] | None:
        """Return the newest reading of a vehicle; calls at the same moment share one statement."""
        return await self._latest.get(vin)

    async def _read_latest(self, vins: Sequence[str]) -> RowsByKey:
        return await self.read(self._query_latest, vins)

    async def write(
        self, change: Callable[Concatenate[BlockingConnection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """Make a change in one transaction; it has committed when this returns."""
        return await self._blocking.run(change, *arguments, **options)

    async def read_blocking(
        self, query: Callable[Concatenate[BlockingConnection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """Run a blocking query in a read-only transaction and return its result."""
        return await self._blocking.read(query, *arguments, **options)

    async def ping(self) -> None:
        """Wait for an answer to the heartbeat. Raises DatabaseAwayError, within 3 seconds."""
        await self._heartbeat.check()

    async def _run_with_retry(
        self,
        pool: Pool,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        try:
            return await self._run(pool, query, *arguments, **options)
        except LinkLostError:
            # As a rule the connection was older than a restart of the server; the next one is new.
            await self._heartbeat.check()
        return await self._run(pool, query, *arguments, **options)

    async def _run(
        self,
        pool: Pool,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        # Without `_connection`, whose context managers cost too much at thousands of calls a second.
        self._heartbeat.require_alive()
        connection = None
        try:
            connection = await pool.take()
            try:
                return await self._run_with_timeout(pool, connection, query, *arguments, **options)
            finally:
                await pool.give_back(connection)
        except (DatabaseBusyError, psycopg.OperationalError) as error:
            if (translated := self._translated(error, connection)) is error:
                raise
            raise translated from error

    @asynccontextmanager
    async def _connection(self, pool: Pool) -> AsyncIterator[Connection]:
        """Hold a connection of a pool; raise the API's own error where the connection breaks."""
        self._heartbeat.require_alive()
        connection = None
        try:
            async with pool.connection() as connection:
                yield connection
        except (DatabaseBusyError, psycopg.OperationalError) as error:
            if (translated := self._translated(error, connection)) is error:
                raise
            raise translated from error

    def _translated(self, error: Exception, connection: Connection | None) -> Exception:
        """Return LinkLostError for a broken connection, otherwise `error`.

        Raises DatabaseAwayError where the heartbeat has found the database away.
        """
        self._heartbeat.require_alive()
        # An error of the statement leaves the connection open.
        is_of_connection = isinstance(error, psycopg.OperationalError) and (
            connection is None or connection.closed
        )
        return LinkLostError("it broke") if is_of_connection else error

    async def _run_with_timeout(
        self,
        pool: Pool,
        connection: Connection,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        is_late = False

        def end() -> None:
            nonlocal is_late
            is_late = True
            pool.end(connection)

        timer = asyncio.get_running_loop().call_later(self._timeout_s, end)
        try:
            return await query(connection, *arguments, **options)
        except psycopg.OperationalError as error:
            if is_late:
                raise DatabaseLateError(f"no answer within {self._timeout_s:g} s") from error
            raise
        finally:
            timer.cancel()

    def _abort_all(self) -> None:
        self._replace_all()
        for pool in self._pools:
            pool.cut()
        self._blocking.cut()

    def _replace_all(self) -> None:
        for pool in self._pools:
            pool.replace()

    @property
    def _pools(self) -> tuple[Pool, ...]:
        return self._readers, self._heavy, self._exporters, self._keys

    async def _shrink(self) -> None:
        while True:
            await asyncio.sleep(self._limits.max_idle_s)
            await self._blocking.shrink()

    async def close(self) -> None:
        """Close every connection, also those that a thread waits on."""
        if self._shrinking is not None:
            self._shrinking.cancel()
        await self._heartbeat.close()
        for pool in self._pools:
            await pool.close()
        self._blocking.close()


def _connect_arguments(
    settings: ApiSettings, purpose: str, session: Mapping[str, str] | None = None
) -> dict[str, Any]:
    arguments = connect_arguments(
        f"battery-api-{purpose}",
        statement_timeout_ms=settings.api_statement_timeout_ms,
        read_only=True,
    )
    arguments["options"] += "".join(f" -c {key}={setting}" for key, setting in (session or {}).items())
    # A query is one statement: BEGIN and ROLLBACK around it would be two round trips more.
    defaults = {"autocommit": True, "prepare_threshold": 0}
    return {**defaults, **address(settings.database_url), **arguments}


def _pool(
    settings: ApiSettings,
    limits: PoolLimits,
    purpose: str,
    size: int,
    session: Mapping[str, str] | None = None,
) -> Pool:
    arguments = _connect_arguments(settings, purpose, session)
    # A costly call holds its connection for several statements, and can't repeat one on another connection.
    return Pool(size, limits, purpose=purpose, checks_first=purpose == "heavy", **arguments)


async def _connect(settings: ApiSettings) -> Connection:
    return await psycopg.AsyncConnection.connect(**_connect_arguments(settings, "heartbeat"))
