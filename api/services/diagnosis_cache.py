"""Cache of analyses: equal requests share one computation, running or finished a moment ago."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence, Sized
from typing import Any

from fastapi import Request

KEPT_S = 10.0
"""Lifetime of a result: a page polls every 30 s, and several pages poll at about the same time."""

MOST_KEPT = 16
MOST_FINDINGS = 20_000
"""Most episodes or sessions of a kept result: a year of a faulty sensor has 200,000."""

HasClients = Callable[[], Awaitable[bool]]
"""Returns whether any of the clients of a result is still connected."""


class _Entry:
    def __init__(self) -> None:
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.requests: list[Request] = []


class ResultCache:
    """Results by key, in one process: at most MOST_KEPT that are done, for KEPT_S each."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Count the results that are kept or being computed."""
        return len(self._entries)

    async def get(
        self,
        request: Request,
        keys: Sequence[Hashable],
        compute: Callable[[Sequence[Hashable], HasClients], Awaitable[Sequence[Any]]],
    ) -> list[Any]:
        """Return the results of `keys`; one call of `compute` makes those that are neither kept nor running.

        Raises the errors of `compute`. A request that is cancelled leaves the computation to the others.
        """
        missing = [key for key in keys if key not in self._entries]
        self._entries.update((key, _Entry()) for key in missing)
        entries = [self._entries[key] for key in keys]
        for entry in entries:
            entry.requests.append(request)
        if missing:
            task = asyncio.create_task(self._fill(missing, compute))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return [await asyncio.shield(entry.result) for entry in entries]

    async def _fill(
        self,
        keys: Sequence[Hashable],
        compute: Callable[[Sequence[Hashable], HasClients], Awaitable[Sequence[Any]]],
    ) -> None:
        entries = [self._entries[key] for key in keys]

        async def has_clients() -> bool:
            for request in [request for entry in entries for request in entry.requests]:
                if not await request.is_disconnected():
                    return True
            return False

        try:
            results = await compute(keys, has_clients)
        except BaseException as error:
            for key, entry in zip(keys, entries, strict=True):
                del self._entries[key]
                entry.result.set_exception(error)
                # A request raises the error of its first result; asyncio would log the others as unretrieved.
                entry.result.exception()
            if not isinstance(error, Exception):
                raise
            return
        for key, entry, result in zip(keys, entries, results, strict=True):
            entry.requests.clear()
            entry.result.set_result(result)
            if _findings(result) > MOST_FINDINGS:
                del self._entries[key]
            else:
                asyncio.get_running_loop().call_later(KEPT_S, self._forget, key, entry)
        self._drop_oldest()

    def _forget(self, key: Hashable, entry: _Entry) -> None:
        if self._entries.get(key) is entry:
            del self._entries[key]

    def _drop_oldest(self) -> None:
        done = [key for key, entry in self._entries.items() if entry.result.done()]
        for key in done[: max(0, len(done) - MOST_KEPT)]:
            del self._entries[key]


def _findings(result: object) -> int:
    """Count the items of a result: a list, or a tuple of lists."""
    if isinstance(result, tuple):
        return sum(_findings(part) for part in result)
    return len(result) if isinstance(result, Sized) else 1
