"""Lookups made at the same moment, answered by one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

RowsByKey = Mapping[str, tuple[Any, ...]]

# A third concurrent statement would leave nothing to coalesce.
_MAX_STATEMENTS = 2


class RequestCoalescer:
    """Lookups by key, collected until the next turn of the event loop and while two statements run.

    A statement costs the event loop three times as much as the rest of such a request; with 16 clients
    about five requests share one statement. A lone request does not wait.
    """

    def __init__(self, query: Callable[[Sequence[str]], Awaitable[RowsByKey]]) -> None:
        self._query = query
        self._waiting: dict[str, list[asyncio.Future[tuple[Any, ...] | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: str) -> tuple[Any, ...] | None:
        """Return the row of this key, None where there is none. Raises the statement's error."""
        future: asyncio.Future[tuple[Any, ...] | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if len(self._tasks) < _MAX_STATEMENTS:
            task = asyncio.create_task(self._run_statements())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _run_statements(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            try:
                rows = await self._query(list(batch))
            except Exception as error:  # noqa: BLE001 - each caller gets it
                for future in _pending_futures(batch):
                    future.set_exception(error)
                continue
            for key, futures in batch.items():
                for future in futures:
                    # The future is cancelled where its client has left meanwhile.
                    if not future.done():
                        future.set_result(rows.get(key))
        # The done callback runs in a later turn of the loop: a key added in between would wait for ever.
        self._tasks -= {asyncio.current_task()}


def _pending_futures(
    batch: Mapping[str, Sequence[asyncio.Future[tuple[Any, ...] | None]]],
) -> list[asyncio.Future[tuple[Any, ...] | None]]:
    return [future for futures in batch.values() for future in futures if not future.done()]
