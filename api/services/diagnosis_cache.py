"""Results of analyses, kept for a moment: equal requests share one computation, under way or just done."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence, Sized
from typing import Any

from fastapi import Request

KEPT_S = 10.0
"""How long a result is kept: the page asks again after 30 s, and several pages ask at about the same time."""

MOST_KEPT = 16
MOST_FINDINGS = 20_000
"""Results with more episodes or sessions are not kept: a year of a faulty sensor has 200,000."""

IsWanted = Callable[[], Awaitable[bool]]
"""Whether any of the clients that asked for a result is still connected."""


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
        """Results that are kept or computed."""
        return len(self._entries)

    async def get(
        self,
        request: Request,
        keys: Sequence[Hashable],
        compute: Callable[[Sequence[Hashable], IsWanted], Awaitable[Sequence[Any]]],
    ) -> list[Any]:
        """The results of `keys`; `compute` makes those that are neither kept nor under way, in one call.

        Raises what `compute` raised. A request that is cancelled leaves the computation to the others.
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
        compute: Callable[[Sequence[Hashable], IsWanted], Awaitable[Sequence[Any]]],
    ) -> None:
        entries = [self._entries[key] for key in keys]

        async def is_wanted() -> bool:
            for request in [request for entry in entries for request in entry.requests]:
                if not await request.is_disconnected():
                    return True
            return False

        try:
            results = await compute(keys, is_wanted)
        except BaseException as error:
            for key, entry in zip(keys, entries, strict=True):
                del self._entries[key]
                entry.result.set_exception(error)
                # Of several results a request sees the first one's; asyncio would complain of the others.
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
    """Items in a result: a list, or a tuple of lists."""
    if isinstance(result, tuple):
        return sum(_findings(part) for part in result)
    return len(result) if isinstance(result, Sized) else 1
