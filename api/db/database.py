"""The API's way to the database: one way that can only read, one that writes, and no wait without an end.

Questions are asked from the event loop, over psycopg's own connections. What is shared with the worker
and the command line (`store`, rejections) blocks, and runs in threads of a limited number.

Busy and away are two things. A call that gets no connection in time is refused as busy, and ends nothing. A
statement that takes too long ends its own connection. The heartbeat alone says "away", and then all that
waits is ended, since none of it will be answered.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Concatenate, ParamSpec, Protocol, TypeVar

import psycopg
from fastapi import Depends, Request
from sqlalchemy import Connection as BlockingConnection

from api.db.blocking import Blocking
from api.db.coalescing import Answers, RequestCoalescer
from api.db.connection_budget import EXPORT_CONNECTIONS
from api.db.errors import DatabaseBusyError, DatabaseLateError, LinkLostError
from api.db.heartbeat import Heartbeat
from api.db.pool import Connection, Pool, PoolLimits
from shared.api_settings import ApiSettings
from shared.storage.engine import address, connect_arguments
from shared.storage.store_readings import CopyBackoff

P = ParamSpec("P")
T = TypeVar("T")

# What a statement may take beyond the server's own limit before its connection is ended.
_GRACE_S = 2.0
_MOST_HEAVY_WAITING = 20
# A server process for each would take the processors from the other calls.
_HEAVY_SESSION = {"max_parallel_workers_per_gather": "0"}


class Ask(Protocol):
    """Asks one query after the other on a connection that is held."""

    async def __call__(
        self,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """What the query answers."""


class Database:
    """Opened and closed with the app.

    Every call raises DatabaseBusyError, DatabaseAwayError, DatabaseLateError, LinkLostError, or what the
    statement raised.
    """

    def __init__(
        self,
        settings: ApiSettings,
        *,
        latest: Callable[[Connection, Sequence[str]], Awaitable[Answers]],
        export_session: Mapping[str, str],
        limits: PoolLimits | None = None,
    ) -> None:
        """Prepare; `open` opens. `latest` is the query behind `latest`, `export_session` what exports set."""
        limits = limits or PoolLimits(wait_s=settings.api_wait_ms / 1000)
        heavy = PoolLimits(limits.wait_s, _MOST_HEAVY_WAITING, limits.max_age_s, limits.max_idle_s)
        self._limits = limits
        self._answer_within_s = settings.api_statement_timeout_ms / 1000 + _GRACE_S
        self._readers = _pool(settings, limits, "read", settings.api_pool_size)
        self._heavy = _pool(settings, heavy, "heavy", settings.api_heavy_calls, _HEAVY_SESSION)
        self._exporters = _pool(settings, heavy, "export", EXPORT_CONNECTIONS, export_session)
        self._heartbeat = Heartbeat(
            lambda: _connect(settings), on_away=self._end_all, on_restart=self._replace_all
        )
        self._blocking = Blocking(
            settings.database_url,
            self._heartbeat,
            limits,
            size=settings.api_pool_size,
            statement_timeout_ms=settings.api_statement_timeout_ms,
            answer_within_s=self._answer_within_s,
        )
        self._shrinking: asyncio.Task[None] | None = None
        self._query_latest = latest
        self._latest = RequestCoalescer(self._newest)
        self.caution = CopyBackoff()

    async def open(self) -> None:
        """Begin to watch the database. Raises DatabaseAwayError where it does not answer."""
        self._shrinking = asyncio.create_task(self._shrink())
        await self._heartbeat.ask()

    async def read(
        self,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """What one short query answers, on a connection that can't change anything."""
        return await self._answer(self._readers, query, *arguments, **options)

    @asynccontextmanager
    async def heavy(self) -> AsyncIterator[Ask]:
        """Ask the queries of a costly call, on one of a few connections that are kept for such calls.

        The connection is held for the length of the block: leave it before what needs no database.
        """
        async with self._watched(self._heavy) as connection:

            async def ask(
                query: Callable[Concatenate[Connection, P], Awaitable[T]],
                *arguments: P.args,
                **options: P.kwargs,
            ) -> T:
                return await self._in_time(self._heavy, connection, query, *arguments, **options)

            yield ask

    async def export(
        self,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """What one query of an export answers, on connections that are kept for exports."""
        return await self._answer(self._exporters, query, *arguments, **options)

    async def latest(self, vin: str) -> tuple[Any, ...] | None:
        """The newest reading of a vehicle; those asked for at the same moment are one question."""
        return await self._latest.get(vin)

    async def _newest(self, vins: Sequence[str]) -> Answers:
        return await self.read(self._query_latest, vins)

    async def write(
        self, change: Callable[Concatenate[BlockingConnection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """Make a change in one transaction; it has committed when this returns."""
        return await self._blocking.run(change, *arguments, **options)

    async def read_blocking(
        self, query: Callable[Concatenate[BlockingConnection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """What a blocking query answers, in a transaction that can't change anything."""
        return await self._blocking.read(query, *arguments, **options)

    async def ping(self) -> None:
        """Return if the database answers the heartbeat. Raises DatabaseAwayError, within 3 seconds."""
        await self._heartbeat.ask()

    async def _answer(
        self,
        pool: Pool,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        try:
            return await self._ask(pool, query, *arguments, **options)
        except LinkLostError:
            # Its connection was from before a restart of the server, as a rule; the next one is new.
            await self._heartbeat.ask()
        return await self._ask(pool, query, *arguments, **options)

    async def _ask(
        self,
        pool: Pool,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        # Not by `_watched`: this is asked thousands of times a second.
        self._heartbeat.require_life()
        connection = None
        try:
            connection = await pool.take()
            try:
                return await self._in_time(pool, connection, query, *arguments, **options)
            finally:
                await pool.give_back(connection)
        except (DatabaseBusyError, psycopg.OperationalError) as error:
            if (told := self._told(error, connection)) is error:
                raise
            raise told from error

    @asynccontextmanager
    async def _watched(self, pool: Pool) -> AsyncIterator[Connection]:
        """A connection of a pool, and the right error where it breaks."""
        self._heartbeat.require_life()
        connection = None
        try:
            async with pool.connection() as connection:
                yield connection
        except (DatabaseBusyError, psycopg.OperationalError) as error:
            if (told := self._told(error, connection)) is error:
                raise
            raise told from error

    def _told(self, error: Exception, connection: Connection | None) -> Exception:
        """What a caller is told instead of an error: that the database is away, or the connection broke."""
        self._heartbeat.require_life()
        # An error of the statement leaves the connection open.
        is_of_connection = isinstance(error, psycopg.OperationalError) and (
            connection is None or connection.closed
        )
        return LinkLostError("it broke") if is_of_connection else error

    async def _in_time(
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

        timer = asyncio.get_running_loop().call_later(self._answer_within_s, end)
        try:
            return await query(connection, *arguments, **options)
        except psycopg.OperationalError as error:
            if is_late:
                raise DatabaseLateError(f"no answer within {self._answer_within_s:g} s") from error
            raise
        finally:
            timer.cancel()

    def _end_all(self) -> None:
        self._replace_all()
        for pool in self._pools:
            pool.cut()
        self._blocking.cut()

    def _replace_all(self) -> None:
        for pool in self._pools:
            pool.replace()

    @property
    def _pools(self) -> tuple[Pool, ...]:
        return self._readers, self._heavy, self._exporters

    async def _shrink(self) -> None:
        while True:
            await asyncio.sleep(self._limits.max_idle_s)
            await self._blocking.shrink()

    async def close(self) -> None:
        """Close every connection, also under a thread that waits for an answer."""
        if self._shrinking is not None:
            self._shrinking.cancel()
        await self._heartbeat.close()
        for pool in self._pools:
            await pool.close()
        self._blocking.close()


def _arguments(
    settings: ApiSettings, purpose: str, session: Mapping[str, str] | None = None
) -> dict[str, Any]:
    arguments = connect_arguments(
        f"battery-api-{purpose}",
        statement_timeout_ms=settings.api_statement_timeout_ms,
        read_only=True,
    )
    arguments["options"] += "".join(f" -c {key}={setting}" for key, setting in (session or {}).items())
    # A question is one statement: BEGIN and ROLLBACK around it would be two round trips for nothing.
    session_of_ours = {"autocommit": True, "prepare_threshold": 0}
    return {**session_of_ours, **address(settings.database_url), **arguments}


def _pool(
    settings: ApiSettings,
    limits: PoolLimits,
    purpose: str,
    size: int,
    session: Mapping[str, str] | None = None,
) -> Pool:
    arguments = _arguments(settings, purpose, session)
    # Where a call holds its connection for several statements, the first can't be repeated on another one.
    return Pool(size, limits, purpose=purpose, checks_first=purpose == "heavy", **arguments)


async def _connect(settings: ApiSettings) -> Connection:
    return await psycopg.AsyncConnection.connect(**_arguments(settings, "heartbeat"))


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _settings(request: Request) -> ApiSettings:
    settings: ApiSettings = request.app.state.settings
    return settings


OpenDatabase = Annotated[Database, Depends(_database)]
LoadedSettings = Annotated[ApiSettings, Depends(_settings)]
