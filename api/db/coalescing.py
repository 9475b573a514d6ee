"""Questions that are asked at the same moment, answered by one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

Answers = Mapping[str, tuple[Any, ...]]

# More would be asked one by one, and gather nothing.
_UNDER_WAY = 2


class RequestCoalescer:
    """Collects keys until the next turn of the event loop, and while two statements are under way.

    A statement costs the event loop three times as much as the rest of such a request; with 16 clients
    about five share one. A lone request waits for nobody.
    """

    def __init__(self, ask: Callable[[Sequence[str]], Awaitable[Answers]]) -> None:
        self._ask = ask
        self._waiting: dict[str, list[asyncio.Future[tuple[Any, ...] | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: str) -> tuple[Any, ...] | None:
        """The answer for this key, None where there is none. Raises what the statement raised."""
        future: asyncio.Future[tuple[Any, ...] | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if len(self._tasks) < _UNDER_WAY:
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _work(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                answers = await self._ask(list(asked))
            except Exception as error:  # noqa: BLE001 - each who asked gets it
                for future in _unanswered(asked):
                    future.set_exception(error)
                continue
            for key, futures in asked.items():
                for future in futures:
                    # A client may have left meanwhile.
                    if not future.done():
                        future.set_result(answers.get(key))
        # Now, not when the loop comes to tell: who asks between the two would wait for a task that has ended.
        self._tasks -= {asyncio.current_task()}


def _unanswered(
    asked: Mapping[str, Sequence[asyncio.Future[tuple[Any, ...] | None]]],
) -> list[asyncio.Future[tuple[Any, ...] | None]]:
    return [future for futures in asked.values() for future in futures if not future.done()]
