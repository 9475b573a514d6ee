"""Connections for the event loop, made when they are asked for.

A few lines rather than psycopg_pool or SQLAlchemy's: they hand out psycopg's connections themselves, which
costs 5 µs a question and not 60 or 500, and after an outage they connect at the first question, not when a
growing pause has passed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from shared.database import cut

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class Pool:
    """Up to `size` connections, the one used last first. `connect` is what psycopg's `connect` takes."""

    def __init__(self, size: int, **connect: Any) -> None:
        self._connect = connect
        self._free = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for the length of the block. Raises what connecting raises, and once it is closed."""
        async with self._free:
            if self._closed:
                raise psycopg.OperationalError("closed")
            connection = self._idle.pop() if self._idle else await self._open()
            self._busy.add(connection)
            try:
                yield connection
            finally:
                self._busy.discard(connection)
                await self._put_back(connection)

    async def _open(self) -> Connection:
        return await psycopg.AsyncConnection.connect(**self._connect)

    async def _put_back(self, connection: Connection) -> None:
        if connection.info.transaction_status is TransactionStatus.IDLE and not self._closed:
            self._idle.append(connection)
            return
        # Broken, or left amid a question that was given up. As a rule those beside it went the same way:
        # after a restart of the server one failed question clears them all.
        doomed, self._idle = [connection, *self._idle], []
        for one in doomed:
            await one.close()

    def cut(self) -> None:
        """End every question that is under way with an error: the server does not answer."""
        for connection in self._busy:
            cut(connection)

    async def close(self) -> None:
        """Close every connection; a question that a server never answers ends with an error."""
        self._closed = True
        self.cut()
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()
