"""Limit on concurrent calls; further calls wait in order of arrival, for a bounded time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.db.errors import DatabaseBusyError


class ConcurrencyLimit:
    """At most `size` calls at once; at most `most_waiting` more wait for at most `wait_s` seconds each."""

    def __init__(self, size: int, *, wait_s: float, most_waiting: int, purpose: str) -> None:
        self._free = asyncio.Semaphore(size)
        self._size = size
        self._wait_s = wait_s
        self._most_waiting = most_waiting
        self._purpose = purpose
        self._waiting = 0
        self._in_use = 0
        self._most_in_use = 0

    @asynccontextmanager
    async def acquired(self) -> AsyncIterator[None]:
        """Hold one of the places for the length of the block. Raises DatabaseBusyError."""
        await self._take()
        self._in_use += 1
        self._most_in_use = max(self._most_in_use, self._in_use)
        try:
            yield
        finally:
            self._in_use -= 1
            self._free.release()

    async def _take(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        if self._waiting >= self._most_waiting:
            raise DatabaseBusyError(f"{self._waiting} calls wait for their turn to {self._purpose} already")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError:
            reason = f"none of {self._size} turns to {self._purpose} came within {self._wait_s:g} s"
            raise DatabaseBusyError(reason) from None
        finally:
            self._waiting -= 1

    def peak(self) -> int:
        """Return the most places in use at once since the last call."""
        peak, self._most_in_use = self._most_in_use, self._in_use
        return peak
