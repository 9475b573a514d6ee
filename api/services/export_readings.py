"""Readings of vehicles in the order of an export: one vehicle after the other, each by ts.

Readings are stored in order of arrival, so that a page of the table holds those of many vehicles, and an
export of one vehicle after the other would read each page once a vehicle. Therefore the same time is read of
a few vehicles together, and the lines of the later ones are held until it is their turn.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api.queries.exports import Block
from api.services.export_stream import Blocks

HELD_BYTES = 16 * 1024 * 1024
"""Bytes of held lines of one export. Beyond them only the first vehicle is read on, once its own are sent."""

_TOGETHER = 8
"""Vehicles whose readings of the same time are read together."""
_MICROSECOND = timedelta(microseconds=1)

Select = Callable[[Mapping[str, datetime]], Awaitable[Mapping[str, Block]]]


@dataclass(slots=True)
class _Vehicle:
    """State of a vehicle: `after` is where it is read on, `held` its lines that are not yet sent."""

    vin: str
    after: datetime
    held: deque[bytes] = field(default_factory=deque)
    is_busy: bool = False
    is_read: bool = False


async def readings_in_order(
    select: Select, vins: Sequence[str], from_ts: datetime, *, head: bytes, is_alone: Callable[[], bool]
) -> Blocks:
    """Yield `head` and the lines of all readings from `from_ts` on, in the order of `vins`, then ts.

    While `is_alone` returns True, two statements run at a time.
    """
    reading = _Reading(select, [_Vehicle(vin, from_ts) for vin in vins], is_alone)
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
    """The vehicles that are not yet sent, and the statements that read them."""

    def __init__(self, select: Select, vehicles: Sequence[_Vehicle], is_alone: Callable[[], bool]) -> None:
        self._select = select
        self._vehicles = deque(vehicles)
        self._is_alone = is_alone
        self._held = 0
        self._statements: set[asyncio.Task[None]] = set()

    async def blocks(self) -> Blocks:
        """Yield the lines of all vehicles in order."""
        while self._vehicles:
            self._start()
            vehicle = self._vehicles[0]
            if vehicle.held:
                block = vehicle.held.popleft()
                self._held -= len(block)
                yield block
            elif vehicle.is_read:
                self._vehicles.popleft()
            else:
                await self._wait()

    async def end(self) -> None:
        """End the statements that are still running."""
        for statement in self._statements:
            statement.cancel()
        await asyncio.gather(*self._statements, return_exceptions=True)

    def _start(self) -> None:
        """Start statements for the next few vehicles: two, each for half of the vehicles, or one for all."""
        most = 2 if self._is_alone() else 1
        while len(self._statements) < most and (chosen := self._unread()):
            # The first of two takes half, unless the second one is running already.
            is_first_of_two = len(self._statements) + 1 < most
            taken = chosen[: (len(chosen) + 1) // 2] if is_first_of_two else chosen
            for vehicle in taken:
                vehicle.is_busy = True
            self._statements.add(asyncio.create_task(self._read(taken)))

    def _unread(self) -> list[_Vehicle]:
        """Return those of the next few vehicles that have readings to select and room for them."""
        unread = (one for one in self._vehicles if not one.is_read)
        nearest = [one for one, _ in zip(unread, range(_TOGETHER), strict=False)]
        return [
            one
            for one in nearest
            if not one.is_busy and (self._held < HELD_BYTES or (one is self._vehicles[0] and not one.held))
        ]

    async def _read(self, vehicles: Sequence[_Vehicle]) -> None:
        found = await self._select({one.vin: one.after for one in vehicles})
        for one in vehicles:
            block = found[one.vin]
            one.is_busy = False
            one.is_read = block.is_last or block.newest is None
            if block.newest is not None:
                one.after = block.newest + _MICROSECOND
            if block.text:
                one.held.append(block.text)
                self._held += len(block.text)

    async def _wait(self) -> None:
        """Wait for a statement to end. Raises its error."""
        done, self._statements = await asyncio.wait(self._statements, return_when=asyncio.FIRST_COMPLETED)
        for statement in done:
            statement.result()
