"""Readings of vehicles in the order of an export: one vehicle after the other, each by ts.

Readings are stored in order of arrival, so that a page of the table holds those of many vehicles, and an
export of one vehicle after the other would read each page once a vehicle. Therefore the same time is read of
a few vehicles together, and the lines of the later ones are held until it is their turn. The window of one
vehicle is split in time, so that two statements can read it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api.queries.exports import Block, Stretch
from api.services.export_stream import Blocks

HELD_BYTES = 16 * 1024 * 1024
"""Bytes of held lines of one export. Beyond them only the first stretch is read on, once its own are sent."""

_TOGETHER = 8
"""Vehicles whose readings of the same time are read together."""

_PARTS = 64
_SHORTEST_PART = timedelta(hours=6)
_MICROSECOND = timedelta(microseconds=1)

Select = Callable[[Sequence[Stretch]], Awaitable[Sequence[Block]]]


@dataclass(slots=True)
class _Progress:
    """State of a stretch: `left` is still to be read, `held` are its lines that are not yet sent."""

    left: Stretch
    held: deque[bytes] = field(default_factory=deque)
    is_busy: bool = False
    is_read: bool = False


def stretches_of(vins: Sequence[str], from_ts: datetime, to_ts: datetime) -> list[Stretch]:
    """Return the window of each vehicle, in order; that of a single one in about 64 parts, or fewer."""
    if len(vins) != 1 or to_ts < from_ts:
        return [Stretch(vin, from_ts, to_ts) for vin in vins]
    length = max(_SHORTEST_PART, (to_ts - from_ts) / _PARTS)
    parts, begin = [], from_ts
    while to_ts - begin > length:
        parts.append(Stretch(vins[0], begin, begin + length - _MICROSECOND))
        begin += length
    return [*parts, Stretch(vins[0], begin, to_ts)]


async def readings_in_order(
    select: Select, stretches: Sequence[Stretch], *, head: bytes, is_alone: Callable[[], bool]
) -> Blocks:
    """Yield `head` and the lines of all readings, in the order of the stretches.

    While `is_alone` returns True, two statements run at a time.
    """
    reading = _Reading(select, stretches, is_alone)
    try:
        # With the first block: before any byte is sent, an error is still answered as a problem.
        async for block in reading.blocks():
            yield head + block
            head = b""
        if head:
            yield head
    finally:
        await reading.end()


class _Reading:
    """The stretches that are not yet sent, and the statements that read them."""

    def __init__(self, select: Select, stretches: Sequence[Stretch], is_alone: Callable[[], bool]) -> None:
        self._select = select
        self._unsent = deque(map(_Progress, stretches))
        self._is_alone = is_alone
        # Parts of one vehicle share no page: one is read for each statement.
        self._together = _TOGETHER if len({one.vin for one in stretches}) > 1 else 2
        self._held = 0
        self._statements: set[asyncio.Task[None]] = set()

    async def blocks(self) -> Blocks:
        """Yield the lines of all stretches in order."""
        while self._unsent:
            self._start()
            first = self._unsent[0]
            if first.held:
                block = first.held.popleft()
                self._held -= len(block)
                yield block
            elif first.is_read:
                self._unsent.popleft()
            else:
                await self._wait()

    async def end(self) -> None:
        """End the statements that are still running."""
        for statement in self._statements:
            statement.cancel()
        await asyncio.gather(*self._statements, return_exceptions=True)

    def _start(self) -> None:
        """Start statements for the next few stretches: two, each for half of them, or one for all."""
        most = 2 if self._is_alone() else 1
        while len(self._statements) < most and (chosen := self._unread()):
            # The first of two takes half, unless the second one is running already.
            is_first_of_two = len(self._statements) + 1 < most
            taken = chosen[: (len(chosen) + 1) // 2] if is_first_of_two else chosen
            for one in taken:
                one.is_busy = True
            self._statements.add(asyncio.create_task(self._read(taken)))

    def _unread(self) -> list[_Progress]:
        """Return those of the next few stretches that have readings to select and room for them."""
        unread = (one for one in self._unsent if not one.is_read)
        nearest = [one for one, _ in zip(unread, range(self._together), strict=False)]
        return [
            one
            for one in nearest
            if not one.is_busy and (self._held < HELD_BYTES or (one is self._unsent[0] and not one.held))
        ]

    async def _read(self, chosen: Sequence[_Progress]) -> None:
        found = await self._select([one.left for one in chosen])
        for one, block in zip(chosen, found, strict=True):
            one.is_busy = False
            one.is_read = block.is_last or block.newest is None
            if block.newest is not None:
                one.left = one.left._replace(from_ts=block.newest + _MICROSECOND)
            if block.text:
                one.held.append(block.text)
                self._held += len(block.text)

    async def _wait(self) -> None:
        """Wait for a statement to end. Raises its error."""
        done, self._statements = await asyncio.wait(self._statements, return_when=asyncio.FIRST_COMPLETED)
        # Of all of them, also where two have failed: an error that is not taken is logged with its trace.
        errors = [error for statement in done if (error := statement.exception()) is not None]
        if errors:
            raise errors[0]
