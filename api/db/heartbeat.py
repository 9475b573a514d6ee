"""Heartbeat of the database: one statement every half second, on a connection of its own.

The rest of the process relies on this verdict and not on its own errors, so that a thousand calls that wait
for a busy database are not taken for a database that is away.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import psycopg

from api.db.errors import DatabaseAwayError
from api.db.pool import Connection
from shared.storage.engine import cut
from shared.storage.error_classes import Fault, classify, summarise

log = logging.getLogger("api")

_INTERVAL_S = 0.5
# Interval and timeout together are less than the 3 seconds within which every call is answered while the
# database is away.
_TIMEOUT_S = 1.7
# While the database is away: an attempt that began just before its return must not delay the next one.
_RETRY_TIMEOUT_S = 1.4
_RETRY_INTERVAL_S = 0.2
_TICK_S = 0.1


class Heartbeat:
    """A check of the database in a background task.

    `on_away` is called when the database has stopped answering, `on_restart` when the heartbeat's connection
    broke and another one could be opened.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        on_away: Callable[[], None],
        on_restart: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._on_away = on_away
        self._on_restart = on_restart
        self._connection: Connection | None = None
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._scopes: set[asyncio.Timeout] = set()
        self._away: BaseException | None = None
        self._away_since = 0.0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def is_away(self) -> bool:
        """The last verdict; before the first one the database counts as alive."""
        return self._away is not None

    def require_alive(self) -> None:
        """Raise DatabaseAwayError where the last verdict is "away"."""
        if self._away is not None:
            raise self._error(self._away)

    @staticmethod
    def _error(cause: BaseException) -> DatabaseAwayError:
        error = DatabaseAwayError(summarise(cause))
        # The cause classifies the fault: waiting does not mend a wrong password.
        error.__cause__ = None if isinstance(cause, DatabaseAwayError) else cause
        return error

    async def check(self) -> None:
        """Wait for the answer to a statement that is sent after this call.

        Raises DatabaseAwayError, at once where the last verdict is "away".
        """
        self.require_alive()
        self._start()
        if self._closed:
            raise DatabaseAwayError("closed")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._wake.set()
        await future

    @asynccontextmanager
    async def cancelling(self) -> AsyncIterator[None]:
        """Cancel the block, and raise DatabaseAwayError, when the verdict changes to "away"."""
        self.require_alive()
        self._start()
        try:
            async with asyncio.timeout(None) as scope:
                self._scopes.add(scope)
                try:
                    yield
                finally:
                    self._scopes.discard(scope)
        except TimeoutError:
            if not scope.expired():
                raise
            self.require_alive()
            raise DatabaseAwayError("no answer") from None

    def _start(self) -> None:
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name="heartbeat")

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            # Calls that arrive during a beat wait for the next one: this one was sent before them.
            due = len(self._waiting)
            error = await self._beat()
            if error is None:
                self._set_alive()
            else:
                due = len(self._waiting)
                self._set_away(error)
            answered, self._waiting = self._waiting[:due], self._waiting[due:]
            for future in answered:
                if future.done():
                    continue
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(self._error(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(_RETRY_INTERVAL_S if self.is_away else _INTERVAL_S):
                    await self._wake.wait()

    async def _beat(self) -> BaseException | None:
        """Send one statement. Returns the error, None after an answer."""
        is_over = asyncio.Event()
        task = asyncio.create_task(self._ping_or_reconnect(is_over))
        timeout_s = _RETRY_TIMEOUT_S if self.is_away else _TIMEOUT_S
        try:
            # Counted in turns of the loop: while the loop is blocked, an answer may wait in the socket.
            for _ in range(round(timeout_s / _TICK_S)):
                await asyncio.wait({task}, timeout=_TICK_S)
                if task.done():
                    break
        finally:
            if not task.done():
                is_over.set()
                self._abandon(task)
        if task.done():
            return task.exception()
        return DatabaseAwayError(f"no answer within {timeout_s:g} s")

    def _abandon(self, task: "asyncio.Task[None]") -> None:
        # asyncio logs an exception that is never retrieved.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self._connection is None:
            task.cancel()
        else:
            # On cancellation psycopg would ask the server to cancel the statement, and wait for that.
            cut(self._connection)
            self._connection = None

    async def _ping_or_reconnect(self, is_over: asyncio.Event) -> None:
        known = self._connection
        try:
            await self._ping()
        except (psycopg.Error, OSError):
            if known is None or is_over.is_set():
                raise
            # The server may have ended this session alone, or restarted.
            await self._ping()
            self._on_restart()

    async def _ping(self) -> None:
        connection = self._connection or await self._connect()
        self._connection = connection
        try:
            await connection.execute("SELECT 1")
        except BaseException:
            if self._connection is connection:
                self._connection = None
            with suppress(psycopg.Error):
                await connection.close()
            raise

    def _set_alive(self) -> None:
        if self._away is None:
            return
        self._away = None
        log.warning("The database is back after %.1f s.", time.monotonic() - self._away_since)

    def _set_away(self, error: BaseException) -> None:
        is_news, self._away = self._away is None, error
        if not is_news:
            return
        self._away_since = time.monotonic()
        if classify(error) is not Fault.DEPLOYMENT or isinstance(error, DatabaseAwayError):
            log.warning("The database is away (%s); calls answer 503 until it is back.", summarise(error))
        else:
            log.error("The database can't be used, and no request is at fault: %s", summarise(error))
        self._on_away()
        self._end_scopes()

    def _end_scopes(self) -> None:
        # Each once: a timeout that has expired can't be rescheduled.
        scopes, self._scopes = self._scopes, set()
        for scope in scopes:
            scope.reschedule(0)

    async def close(self) -> None:
        """Stop the heartbeat; waiting calls get DatabaseAwayError."""
        self._closed = True
        self._away = DatabaseAwayError("closed")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for future in self._waiting:
            if not future.done():
                future.set_exception(DatabaseAwayError("closed"))
        self._end_scopes()
        if self._connection is not None:
            await self._connection.close()
