"""Whether the database lives: one question every half second, on a connection of its own.

All else in the process asks this verdict and not the database, so that a thousand calls that wait for a busy
database are not taken for a database that is away.
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

_EVERY_S = 0.5
# Together less than the 3 seconds within which every call is answered while the database is away.
_ANSWERS_WITHIN_S = 1.7
# While it is away: an attempt that began just before it came back must not hold up the next one.
_CONNECTS_WITHIN_S = 1.4
_AGAIN_AFTER_S = 0.2
_TICK_S = 0.1


class Heartbeat:
    """`on_away` is called when the database has stopped answering, `on_restart` when its connection broke
    and another one could be opened.
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
        self._asking: list[asyncio.Future[None]] = []
        self._scopes: set[asyncio.Timeout] = set()
        self._away: BaseException | None = None
        self._away_since = 0.0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def is_away(self) -> bool:
        """The last verdict; before the first one the database counts as alive."""
        return self._away is not None

    def require_life(self) -> None:
        """Raise DatabaseAwayError where the last verdict says so."""
        if self._away is not None:
            raise self._error(self._away)

    @staticmethod
    def _error(met: BaseException) -> DatabaseAwayError:
        error = DatabaseAwayError(summarise(met))
        # Says whose fault it is: a wrong password is none that waiting mends.
        error.__cause__ = None if isinstance(met, DatabaseAwayError) else met
        return error

    async def ask(self) -> None:
        """Return once a question that is asked from now on was answered.

        Raises DatabaseAwayError, at once where that is known.
        """
        self.require_life()
        self._start()
        if self._closed:
            raise DatabaseAwayError("closed")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.append(future)
        self._wake.set()
        await future

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Raise DatabaseAwayError amid the block when the verdict changes: what it waits for is cancelled."""
        self.require_life()
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
            self.require_life()
            raise DatabaseAwayError("no answer") from None

    def _start(self) -> None:
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name="heartbeat")

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            # Those that come during a beat wait for the next one: this one was asked before.
            asked = len(self._asking)
            error = await self._beat()
            if error is None:
                self._say_alive()
            else:
                asked = len(self._asking)
                self._say_away(error)
            answered, self._asking = self._asking[:asked], self._asking[asked:]
            for future in answered:
                if future.done():
                    continue
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(self._error(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_AFTER_S if self.is_away else _EVERY_S):
                    await self._wake.wait()

    async def _beat(self) -> BaseException | None:
        """Ask once. Returns what went wrong, None where an answer came."""
        is_over = asyncio.Event()
        task = asyncio.create_task(self._question(is_over))
        within_s = _CONNECTS_WITHIN_S if self.is_away else _ANSWERS_WITHIN_S
        try:
            # Counted in turns of the loop: where that stands still, the answer waits in the socket.
            for _ in range(round(within_s / _TICK_S)):
                await asyncio.wait({task}, timeout=_TICK_S)
                if task.done():
                    break
        finally:
            if not task.done():
                is_over.set()
                self._end(task)
        if task.done():
            return task.exception()
        return DatabaseAwayError(f"no answer within {within_s:g} s")

    def _end(self, task: "asyncio.Task[None]") -> None:
        # asyncio complains of an exception that is never looked at.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self._connection is None:
            task.cancel()
        else:
            # Were it cancelled, psycopg would ask the server to end the question, and wait for that.
            cut(self._connection)
            self._connection = None

    async def _question(self, is_over: asyncio.Event) -> None:
        known = self._connection
        try:
            await self._ask_once()
        except (psycopg.Error, OSError):
            if known is None or is_over.is_set():
                raise
            # Perhaps the session alone was ended, or the server has restarted.
            await self._ask_once()
            self._on_restart()

    async def _ask_once(self) -> None:
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

    def _say_alive(self) -> None:
        if self._away is None:
            return
        self._away = None
        log.warning("The database is back after %.1f s.", time.monotonic() - self._away_since)

    def _say_away(self, error: BaseException) -> None:
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
        # Each once: a scope that is about to end refuses to be told again.
        scopes, self._scopes = self._scopes, set()
        for scope in scopes:
            scope.reschedule(0)

    async def close(self) -> None:
        """Ask no more; those that wait are told so."""
        self._closed = True
        self._away = DatabaseAwayError("closed")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for future in self._asking:
            if not future.done():
                future.set_exception(DatabaseAwayError("closed"))
        self._end_scopes()
        if self._connection is not None:
            await self._connection.close()
