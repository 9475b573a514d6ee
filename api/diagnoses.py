"""From a question about a vehicle's past to an answer of the pure core: which readings, read, judged.

One at a time in each process: a year of readings as arrays is what the memory is measured for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Generic, TypeVar

from anyio import to_thread
from fastapi import Depends, Request

from api.database import Ask, Database
from api.errors import ProblemError
from api.queries import extent
from api.queries import trace as readings
from api.queries.profiles import profile
from api.queries.telemetry import summary
from api.time_window import require_order
from api.vin import unknown_vin
from shared.diagnostics.profile import Profile
from shared.diagnostics.trace import Trace, moment

MOST_READINGS = 1_100_000
"""In one window: a year of a reading every 30 seconds, and some more."""
_MOST_WAITING = 20
_LONGEST_WAIT_S = 20.0
_LESS_AND_LESS = (1.0, 0.1, 0.01)
"""How much of the margin is taken, until the readings are few enough."""

T = TypeVar("T")
Judge = Callable[[Trace, Profile], T]


@dataclass(frozen=True, slots=True)
class Window:
    """Both ends included; None where the question left one open."""

    from_ts: datetime | None
    to_ts: datetime | None


@dataclass(frozen=True, slots=True)
class Margin:
    """How far to look around a window: from the last reading before it, and from the first one behind."""

    before: timedelta
    behind: timedelta


@dataclass(frozen=True, slots=True)
class Diagnosis(Generic[T]):
    """What was found, and the window that it holds for."""

    from_ts: datetime
    to_ts: datetime
    read_from_ts: datetime
    """Readings from here on were read, margin included,"""
    read_to_ts: datetime
    """and up to here."""
    amid: datetime | None
    """The first of them, where the vehicle has older ones too."""
    until: datetime | None
    """The last of them; None where there are none."""
    found: T


class Diagnoses:
    """Opened with the app."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def of(
        self,
        request: Request,
        vin: str,
        window: Window,
        judge: Judge[T],
        *,
        back: timedelta,
        margin: Margin | None = None,
    ) -> Diagnosis[T]:
        """What `judge` finds in the readings of a window.

        An open end is that of the readings; an open begin lies `back` from the end, or less far where that
        would be too many readings. Within `margin` also readings beside the window are read, so that what
        reaches beyond it is seen whole; less where they are too many. Raises 404 for an unknown vehicle, 400
        for a window with too many readings, 503 where too many wait already.
        """
        require_order(window.from_ts, window.to_ts)
        known = await self._database.read(extent.whole, vin)
        if known is None:
            raise unknown_vin()
        oldest, newest = known
        to_ts = window.to_ts or max(newest, window.from_ts or newest)
        from_ts = window.from_ts or await self._begin(vin, oldest, to_ts, back)
        if (number := await self._count(vin, from_ts, to_ts)) > MOST_READINGS:
            raise ProblemError(
                400,
                f"{number:,} readings in this window; {MOST_READINGS:,} are the limit: take a shorter one.",
            )
        first, last = await self._with_margin(vin, from_ts, to_ts, margin)
        first, last = max(first, oldest), min(last, newest)
        async with self._its_turn():
            if await request.is_disconnected():
                raise ProblemError(503, "The client did not wait for the answer.")
            async with self._database.heavy() as ask:
                about = await ask(profile, vin) or Profile()
                trace = await self._read(ask, vin, first, last, about.current_sign)
            found = await to_thread.run_sync(judge, trace, about)
        return Diagnosis(
            from_ts,
            to_ts,
            read_from_ts=min(first, from_ts),
            read_to_ts=max(last, to_ts),
            amid=moment(trace.ts[0]) if len(trace) and first > oldest else None,
            until=moment(trace.until) if len(trace) else None,
            found=found,
        )

    @asynccontextmanager
    async def _its_turn(self) -> AsyncIterator[None]:
        """One after the other; 503 behind many that wait, and after a long wait."""
        if self._waiting >= _MOST_WAITING:
            raise ProblemError(
                503,
                f"{_MOST_WAITING} diagnoses are waiting in this process already; try again shortly.",
                headers={"Retry-After": "5"},
            )
        self._waiting += 1
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S):
                await self._turn.acquire()
        except TimeoutError:
            raise ProblemError(
                503,
                "The service is busy: other diagnoses took longer than this one may wait; try again shortly.",
                headers={"Retry-After": "5"},
            ) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turn.release()

    async def _begin(self, vin: str, oldest: datetime, to_ts: datetime, back: timedelta) -> datetime:
        # The first reading is never before 2000; a time that was asked for may be in the year 1.
        begin = max(oldest, to_ts - back) if to_ts > oldest + back else min(oldest, to_ts)
        few = await self._database.read(extent.reaching_back, vin, begin, to_ts, MOST_READINGS)
        return max(begin, few) if few else begin

    async def _count(self, vin: str, from_ts: datetime, to_ts: datetime) -> int:
        counted = await self._database.read(summary, vin, from_ts, to_ts)
        return int(counted[0]) if counted else 0

    async def _with_margin(
        self, vin: str, from_ts: datetime, to_ts: datetime, margin: Margin | None
    ) -> tuple[datetime, datetime]:
        if margin is None:
            return from_ts, to_ts
        before, behind = await self._database.read(extent.beside, vin, from_ts, to_ts)
        for part in _LESS_AND_LESS:
            first = before - part * margin.before if before else from_ts
            last = behind + part * margin.behind if behind else to_ts
            if await self._count(vin, first, last) <= MOST_READINGS:
                return first, last
        return from_ts, to_ts

    @staticmethod
    async def _read(ask: Ask, vin: str, from_ts: datetime, to_ts: datetime, current_sign: int) -> Trace:
        if to_ts < from_ts:
            return Trace.of(())
        parts = [
            await ask(readings.trace, vin, begin, end, current_sign)
            for begin, end in readings.stretches(from_ts, to_ts)
        ]
        return Trace.joined(parts)


async def _diagnoses(request: Request) -> Diagnoses:
    diagnoses: Diagnoses = request.app.state.diagnoses
    return diagnoses


OpenDiagnoses = Annotated[Diagnoses, Depends(_diagnoses)]
