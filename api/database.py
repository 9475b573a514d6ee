"""The API's way to the database: one way that can only read, one that writes, and no wait without an end.

Questions are asked from the event loop, over psycopg's own connections. What is shared with the worker
and the command line (`store`, rejections) blocks, and runs in threads of a limited number.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakSet

import psycopg
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from sqlalchemy import Connection as BlockingConnection
from sqlalchemy import event

from api.errors import DatabaseAwayError
from api.gathering import Answers, Gathering
from api.pool import Connection, Pool
from api.queries import exports, vehicles
from shared.database import address, connect_arguments, cut, writer_engine
from shared.settings import ApiSettings
from shared.store import Caution

P = ParamSpec("P")
T = TypeVar("T")

_PING_WITHIN_S = 2.5
# Together less than the 3 seconds within which a question ends when the database is away.
_SIGN_OF_LIFE_AFTER_S = 2.2
_LIFE_WITHIN_S = 0.5
_GRACE_S = 2.0


class Database:
    """Opened and closed with the app. Raises DatabaseAwayError, or what the statement raised."""

    def __init__(self, settings: ApiSettings) -> None:
        self._answer_within_s = settings.api_statement_timeout_ms / 1000 + _GRACE_S
        self._readers = self._pool(settings, "read", settings.api_pool_size)
        # Its own connection: a pool that is busy is not a database that is down.
        self._pinger = self._pool(settings, "ping", 1)
        # One for what each of them asks, one for what comes before it: nobody else waits for these.
        self._exporters = self._pool(settings, "export", 4, exports.SESSION)
        self._engine = writer_engine(
            settings.database_url,
            name="battery-api-write",
            statement_timeout_ms=settings.api_statement_timeout_ms,
            pool_size=settings.api_pool_size,
        )
        self._blocking: WeakSet[psycopg.Connection[Any]] = WeakSet()
        event.listen(self._engine, "connect", lambda connection, _record: self._blocking.add(connection))
        self._threads = CapacityLimiter(settings.api_pool_size)
        self._latest = Gathering(self._newest)
        self.caution = Caution()

    @staticmethod
    def _pool(
        settings: ApiSettings, purpose: str, size: int, session: Mapping[str, str] | None = None
    ) -> Pool:
        arguments = connect_arguments(
            f"battery-api-{purpose}",
            statement_timeout_ms=settings.api_statement_timeout_ms,
            read_only=True,
        )
        arguments["options"] += "".join(f" -c {key}={setting}" for key, setting in (session or {}).items())
        # A question is one statement: BEGIN and ROLLBACK around it would be two round trips for nothing.
        where = address(settings.database_url)
        return Pool(size, autocommit=True, prepare_threshold=0, **where | arguments)

    async def read(
        self,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """What one query answers, on a connection that can't change anything."""
        return await self._answer(self._readers, query, *arguments, **options)

    async def export(
        self,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """The same on connections that are kept for exports."""
        return await self._answer(self._exporters, query, *arguments, **options)

    async def _answer(
        self,
        pool: Pool,
        query: Callable[Concatenate[Connection, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        asked = _ask(pool, query, *arguments, **options)
        try:
            return await self._within(self._answer_within_s, asked)
        except DatabaseAwayError:
            pool.cut()
            raise

    async def latest(self, vin: str) -> tuple[Any, ...] | None:
        """The newest reading of a vehicle; those asked for at the same moment are one question."""
        return await self._latest.get(vin)

    async def _newest(self, vins: Sequence[str]) -> Answers:
        return await self.read(vehicles.latest, vins)

    async def write(
        self, change: Callable[Concatenate[BlockingConnection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """Make a change in one transaction; it has committed when this returns."""

        def make() -> T:
            with self._engine.begin() as connection:
                return change(connection, *arguments, **options)

        return await self._in_thread(make)

    async def read_blocking(
        self, query: Callable[Concatenate[BlockingConnection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """What a blocking query answers, in a transaction that can't change anything."""

        def ask() -> T:
            with self._engine.connect().execution_options(postgresql_readonly=True) as connection:
                return query(connection, *arguments, **options)

        return await self._in_thread(ask)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        run = to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)
        try:
            return await self._within(self._answer_within_s, run)
        except DatabaseAwayError:
            # Nobody waits for these threads any more, and a link that swallows would hold them for ever.
            self._cut_blocking()
            raise

    def _cut_blocking(self) -> None:
        for connection in list(self._blocking):
            cut(connection)

    async def ping(self, within_s: float = _PING_WITHIN_S) -> None:
        """Return if the database answers; raise soon if it doesn't."""
        try:
            await _give_up_after(within_s, _ask(self._pinger, _answer_at_all))
        except DatabaseAwayError:
            self._pinger.cut()
            raise

    async def _within(self, seconds: float, work: Awaitable[T]) -> T:
        """The result of `work`, or DatabaseAwayError after `seconds`.

        A statement may take that long. A server that hangs is not waited for: where no answer has come for
        a while, it is asked for a sign of life.
        """
        deadline = time.monotonic() + seconds
        with _let_go(asyncio.ensure_future(work)) as task:
            while not task.done():
                await asyncio.wait({task}, timeout=min(_SIGN_OF_LIFE_AFTER_S, deadline - time.monotonic()))
                if not task.done():
                    await self._require_life(is_late=time.monotonic() >= deadline)
        return task.result()

    async def _require_life(self, *, is_late: bool) -> None:
        if is_late:
            raise DatabaseAwayError("no answer in time")
        try:
            await self.ping(_LIFE_WITHIN_S)
        except (psycopg.Error, OSError) as error:
            raise DatabaseAwayError("no sign of life") from error

    async def close(self) -> None:
        """Close every connection, also under a thread that waits for an answer."""
        await self._readers.close()
        await self._exporters.close()
        await self._pinger.close()
        self._engine.dispose()
        # Also those of threads that were given up: the process would wait for them at its end.
        self._cut_blocking()


async def _ask(
    pool: Pool,
    query: Callable[Concatenate[Connection, P], Awaitable[T]],
    *arguments: P.args,
    **options: P.kwargs,
) -> T:
    for is_last in (False, True):
        async with pool.connection() as connection:
            try:
                return await query(connection, *arguments, **options)
            except psycopg.OperationalError:
                # It may be from before a restart of the server; the next one is new.
                if is_last or not connection.closed:
                    raise
    raise AssertionError("the last try returns or raises")


async def _answer_at_all(connection: Connection) -> None:
    await connection.execute("SELECT 1")


async def _give_up_after(seconds: float, work: Awaitable[None]) -> None:
    with _let_go(asyncio.ensure_future(work)) as task:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise DatabaseAwayError(f"no answer within {seconds:g} s")
    task.result()


@contextmanager
def _let_go(task: "asyncio.Future[T]") -> "Iterator[asyncio.Future[T]]":
    """Cancel it when the block is left too early, and don't wait: a server that hangs holds that up too."""
    try:
        yield task
    finally:
        if not task.done():
            # Somebody has to look at its exception, or asyncio complains of it.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            task.cancel()


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _settings(request: Request) -> ApiSettings:
    settings: ApiSettings = request.app.state.settings
    return settings


OpenDatabase = Annotated[Database, Depends(_database)]
LoadedSettings = Annotated[ApiSettings, Depends(_settings)]
