"""Blocking transactions in threads, for code that is shared with the worker and the command line."""

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

from api.db.concurrency_limit import ConcurrencyLimit
from api.db.errors import DatabaseAwayError, DatabaseLateError
from api.db.heartbeat import Heartbeat
from api.db.pool import PoolLimits
from shared.storage.engine import cut, writer_engine

P = ParamSpec("P")
T = TypeVar("T")

_DEADLINE_KEY = "battery-deadline"


class BlockingTransactions:
    """At most `size` blocking transactions at once, each with a connection and a thread."""

    def __init__(
        self,
        database_url: str,
        heartbeat: Heartbeat,
        limits: PoolLimits,
        *,
        size: int,
        statement_timeout_ms: int,
        timeout_s: float,
    ) -> None:
        self._engine = writer_engine(
            database_url,
            name="battery-api-write",
            statement_timeout_ms=statement_timeout_ms,
            pool_size=size,
            max_age_s=limits.max_age_s,
        )
        self._heartbeat = heartbeat
        self._timeout_s = timeout_s
        # As many calls at once as connections: no call waits in SQLAlchemy's pool, whose queue has no limit.
        self._limit = ConcurrencyLimit(
            size, wait_s=limits.wait_s, most_waiting=limits.most_waiting, purpose="write"
        )
        self._threads = CapacityLimiter(size)
        self._connections: WeakSet[psycopg.Connection[Any]] = WeakSet()
        self._lock = threading.Lock()
        event.listen(self._engine, "connect", lambda connection, _record: self._add(connection))
        event.listen(
            self._engine, "before_cursor_execute", lambda connection, *_: _restart_deadline(connection)
        )
        event.listen(self._engine, "commit", _restart_deadline)

    async def run(
        self,
        work: Callable[Concatenate[Connection, P], T],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run `work` in a transaction and return its result; the transaction has committed by then.

        Raises DatabaseBusyError, DatabaseAwayError, DatabaseLateError, or a statement's own error.
        """

        def transaction() -> T:
            with self._connected() as connection, deadline.applied_to(connection), connection.begin():
                return work(connection, *arguments, **options)

        async with self._heartbeat.cancelling(), self._limit.acquired():
            deadline = _Deadline(self._timeout_s)
            return await self._in_thread(transaction, deadline)

    async def read(
        self,
        query: Callable[Concatenate[Connection, P], T],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run a query in a read-only transaction and return its result. Raises the errors of `run`."""

        def transaction() -> T:
            with self._connected() as connection, deadline.applied_to(connection):
                read_only = connection.execution_options(postgresql_readonly=True)
                return query(read_only, *arguments, **options)

        async with self._heartbeat.cancelling(), self._limit.acquired():
            deadline = _Deadline(self._timeout_s)
            return await self._in_thread(transaction, deadline)

    async def _in_thread(self, work: Callable[[], T], deadline: "_Deadline") -> T:
        deadline.start()
        try:
            # When the heartbeat says "away", the thread is abandoned: its statement ends with an error later.
            return await to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)
        except (DBAPIError, psycopg.Error, OSError) as error:
            if deadline.is_over:
                raise DatabaseLateError(f"no answer within {self._timeout_s:g} s") from error
            if self._heartbeat.is_away:
                raise DatabaseAwayError("no answer") from None
            raise
        finally:
            deadline.stop()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        pool = self._engine.pool
        try:
            with self._engine.connect() as connection:
                yield connection
        finally:
            # The connection went back to a pool that `shrink` has replaced: it would stay open, unused, until
            # the garbage collector finds it.
            if pool is not self._engine.pool:
                pool.dispose()

    async def shrink(self) -> None:
        """Close the idle connections, if they outnumber the most in use at once since the last call."""
        peak, pool = self._limit.peak(), self._engine.pool
        if isinstance(pool, QueuePool) and pool.checkedin() > peak:
            # Replaced before it is emptied: a connection given back in between belongs to a replaced pool.
            self._engine.dispose(close=False)
            await to_thread.run_sync(pool.dispose)

    def cut(self) -> None:
        """End every running transaction with an error: the database is away."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            cut(connection)

    def close(self) -> None:
        """Close every connection, also those of abandoned threads: the process would wait for these."""
        self._engine.dispose()
        self.cut()

    def _add(self, connection: psycopg.Connection[Any]) -> None:
        # Threads connect at the same time, and a set can't be listed while it grows.
        with self._lock:
            self._connections.add(connection)


class _Deadline:
    """Timeout of each statement of one transaction; on a timeout the transaction's connection is cut."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._connection: Any = None
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.is_over = False

    @contextmanager
    def applied_to(self, connection: Connection) -> Iterator[None]:
        """Apply the timeout within the block; called in the transaction's thread."""
        info = connection.info
        info[_DEADLINE_KEY] = self
        self.restart()
        with self._lock:
            self._connection = connection.connection.driver_connection
        try:
            yield
        finally:
            # After the block the connection may serve another transaction.
            with self._lock:
                self._connection = None
            info.pop(_DEADLINE_KEY, None)

    def restart(self) -> None:
        """Restart the timeout, since a statement begins."""
        self._since = time.monotonic()

    def start(self) -> None:
        """Begin to check the timeout, from the event loop."""
        self._check_in(self._timeout_s)

    def stop(self) -> None:
        """Stop checking the timeout."""
        if self._timer is not None:
            self._timer.cancel()

    def _check_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._check)

    def _check(self) -> None:
        with self._lock:
            left = self._since + self._timeout_s - time.monotonic()
            if self._connection is not None and left <= 0:
                self.is_over = True
                cut(self._connection)
                return
        # Without a connection the thread is connecting, which has its own timeout.
        self._check_in(left if left > 0 else self._timeout_s)


def _restart_deadline(connection: Connection) -> None:
    deadline = connection.info.get(_DEADLINE_KEY)
    if deadline is not None:
        deadline.restart()
