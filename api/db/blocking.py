"""Transactions that block, in threads: what is shared with the worker and the command line."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakSet

import psycopg
from anyio import CapacityLimiter, to_thread
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from api.db.errors import DatabaseAwayError, DatabaseLateError
from api.db.heartbeat import Heartbeat
from api.db.pool import PoolLimits
from api.db.turns import Turns
from shared.storage.engine import cut, writer_engine

P = ParamSpec("P")
T = TypeVar("T")

_OF_CONNECTION = "battery-deadline"


class Blocking:
    """At the most `size` transactions at once, with a connection and a thread each."""

    def __init__(
        self,
        database_url: str,
        heartbeat: Heartbeat,
        limits: PoolLimits,
        *,
        size: int,
        statement_timeout_ms: int,
        answer_within_s: float,
    ) -> None:
        self._engine = writer_engine(
            database_url,
            name="battery-api-write",
            statement_timeout_ms=statement_timeout_ms,
            pool_size=size,
            max_age_s=limits.max_age_s,
        )
        self._heartbeat = heartbeat
        self._answer_within_s = answer_within_s
        # As many turns as connections: nobody waits in SQLAlchemy's pool, which has no limit of number.
        self._turns = Turns(size, wait_s=limits.wait_s, most_waiting=limits.most_waiting, purpose="write")
        self._threads = CapacityLimiter(size)
        self._connections: WeakSet[psycopg.Connection[Any]] = WeakSet()
        self._lock = threading.Lock()
        event.listen(self._engine, "connect", lambda connection, _record: self._add(connection))
        event.listen(self._engine, "before_cursor_execute", lambda connection, *_: _touch(connection))
        event.listen(self._engine, "commit", _touch)

    async def run(
        self,
        work: Callable[Concatenate[Connection, P], T],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """What `work` returns, given a connection in a transaction; it has committed when this returns.

        Raises DatabaseBusyError, DatabaseAwayError, DatabaseLateError, or what a statement raised.
        """

        def make() -> T:
            with self._engine.connect() as connection, deadline.of(connection), connection.begin():
                return work(connection, *arguments, **options)

        async with self._heartbeat.watched(), self._turns.turn():
            deadline = _Deadline(self._answer_within_s)
            return await self._in_thread(make, deadline)

    async def read(
        self,
        query: Callable[Concatenate[Connection, P], T],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """What a query answers, in a transaction that can't change anything. Raises what `run` raises."""

        def ask() -> T:
            with (
                self._engine.connect().execution_options(postgresql_readonly=True) as connection,
                deadline.of(connection),
            ):
                return query(connection, *arguments, **options)

        async with self._heartbeat.watched(), self._turns.turn():
            deadline = _Deadline(self._answer_within_s)
            return await self._in_thread(ask, deadline)

    async def _in_thread(self, work: Callable[[], T], deadline: "_Deadline") -> T:
        deadline.start()
        try:
            # When the heartbeat says "away", the thread is left to an error that nobody needs.
            return await to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)
        except (DBAPIError, psycopg.Error, OSError) as error:
            if deadline.is_over:
                raise DatabaseLateError(f"no answer within {self._answer_within_s:g} s") from error
            if self._heartbeat.is_away:
                raise DatabaseAwayError("no answer") from None
            raise
        finally:
            deadline.stop()

    async def shrink(self) -> None:
        """Close the connections, if there are more than were in use at once since this was last called."""
        peak, pool = self._turns.peak(), self._engine.pool
        if isinstance(pool, QueuePool) and pool.checkedin() > peak:
            await to_thread.run_sync(self._engine.dispose)

    def cut(self) -> None:
        """End every transaction that is under way with an error: the database is away."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            cut(connection)

    def close(self) -> None:
        """Close every connection, also those of threads that were left: the process would wait for them."""
        self._engine.dispose()
        self.cut()

    def _add(self, connection: psycopg.Connection[Any]) -> None:
        # Threads connect at the same time, and a set that grows can't be listed.
        with self._lock:
            self._connections.add(connection)


class _Deadline:
    """Of each statement of one transaction: its connection alone is ended when one takes too long."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._lock = threading.Lock()
        self._connection: Any = None
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.is_over = False

    @contextmanager
    def of(self, connection: Connection) -> Iterator[None]:
        """The length of the block, in its thread."""
        info = connection.info
        info[_OF_CONNECTION] = self
        self.touch()
        with self._lock:
            self._connection = connection.connection.driver_connection
        try:
            yield
        finally:
            # From here on the connection may be another transaction's.
            with self._lock:
                self._connection = None
            info.pop(_OF_CONNECTION, None)

    def touch(self) -> None:
        """A statement begins."""
        self._since = time.monotonic()

    def start(self) -> None:
        """Look after it from the event loop."""
        self._look_in(self._within_s)

    def stop(self) -> None:
        """Look after it no longer."""
        if self._timer is not None:
            self._timer.cancel()

    def _look_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        with self._lock:
            left = self._since + self._within_s - time.monotonic()
            if self._connection is not None and left <= 0:
                self.is_over = True
                cut(self._connection)
                return
        # Without a connection it connects, which has a limit of its own.
        self._look_in(left if left > 0 else self._within_s)


def _touch(connection: Connection) -> None:
    deadline = connection.info.get(_OF_CONNECTION)
    if deadline is not None:
        deadline.touch()
