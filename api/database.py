"""The API's way to the database: one pool that can only read, one that writes, and no wait without an end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.errors import DatabaseAwayError
from shared.database import async_engine
from shared.settings import ApiSettings

P = ParamSpec("P")
T = TypeVar("T")

_OPEN_WITHIN_S = 2.5
_GRACE_S = 2.0


class Database:
    """Opened and closed with the app. Raises DatabaseAwayError, or what the statement raised."""

    def __init__(self, settings: ApiSettings) -> None:
        self._answer_within_s = settings.api_statement_timeout_ms / 1000 + _GRACE_S
        self._reader = self._engine(settings, "read", settings.api_pool_size)
        self._writer = self._engine(settings, "write", settings.api_pool_size)
        # Its own connection: a pool that is busy is not a database that is down.
        self._pinger = self._engine(settings, "ping", 1)

    @staticmethod
    def _engine(settings: ApiSettings, purpose: str, pool_size: int) -> AsyncEngine:
        return async_engine(
            settings.database_url,
            name=f"battery-api-{purpose}",
            pool_size=pool_size,
            statement_timeout_ms=settings.api_statement_timeout_ms,
            read_only=purpose != "write",
        )

    async def read(
        self,
        query: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """What one query answers, on a connection that can't change anything."""

        async def ask() -> T:
            async with _open(self._reader) as connection:
                return await query(connection, *arguments, **options)

        return await _within(self._answer_within_s, ask())

    async def write(
        self, change: Callable[Concatenate[Connection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """Make a change in one transaction; it has committed when this returns."""

        async def make() -> T:
            async with _open(self._writer) as connection, connection.begin():
                return await connection.run_sync(change, *arguments, **options)

        return await _within(self._answer_within_s, make())

    async def ping(self) -> None:
        """Return if the database answers; raise soon if it doesn't."""

        async def ask() -> None:
            async with self._pinger.connect() as connection:
                await connection.execute(text("SELECT 1"))

        await _within(_OPEN_WITHIN_S, ask())

    async def run(self, check: Callable[[Connection], T]) -> T:
        """A blocking-style function over a reading connection."""

        async def ask(connection: AsyncConnection) -> T:
            return await connection.run_sync(check)

        return await self.read(ask)

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.dispose()
        await self._writer.dispose()
        await self._pinger.dispose()


@asynccontextmanager
async def _open(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async def start() -> AsyncConnection:
        return await engine.connect()

    connection = await _within(_OPEN_WITHIN_S, start(), undo=AsyncConnection.close)
    try:
        yield connection
    finally:
        await asyncio.shield(connection.close())


async def _within(
    seconds: float, work: Awaitable[T], *, undo: Callable[[T], Awaitable[None]] | None = None
) -> T:
    """The result of `work`, or DatabaseAwayError after `seconds`.

    Work that is late is cancelled but not waited for: a server that hangs would hold the
    cancellation up as well. If it gets done all the same, `undo` is called with its result.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _abandon(task, undo)
        raise
    if not done:
        _abandon(task, undo)
        raise DatabaseAwayError(f"no answer within {seconds:g} s")
    return task.result()


_undoing: set[asyncio.Future[None]] = set()


def _abandon(task: "asyncio.Future[T]", undo: Callable[[T], Awaitable[None]] | None) -> None:
    def finish(done: "asyncio.Future[T]") -> None:
        if done.cancelled() or done.exception() is not None or undo is None:
            return
        undone = asyncio.ensure_future(undo(done.result()))
        _undoing.add(undone)
        undone.add_done_callback(_undoing.discard)

    task.add_done_callback(finish)
    task.cancel()


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _settings(request: Request) -> ApiSettings:
    settings: ApiSettings = request.app.state.settings
    return settings


OpenDatabase = Annotated[Database, Depends(_database)]
LoadedSettings = Annotated[ApiSettings, Depends(_settings)]
