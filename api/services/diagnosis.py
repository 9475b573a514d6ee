"""From a question about a vehicle's past to an answer of the pure core: which readings, read, judged.

One at a time in each process: a year of readings as arrays is what the memory is measured for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from anyio import to_thread
from fastapi import Depends, Request

from api.db.database import Ask, Database
from api.http.problems import ProblemError
from api.http.query_times import require_order
from api.http.vin_path import unknown_vin
from api.queries import extent
from api.queries import trace as readings
from api.queries.profiles import profile
from api.queries.telemetry import summary
from api.services.diagnosis_cache import IsWanted, ResultCache
from shared.diagnostics.trace import Trace, moment
from shared.vehicle_profile import Profile

MOST_READINGS = 1_100_000
"""In one window: a year of a reading every 30 seconds, and some more."""
_MOST_WAITING = 20
_HALF_US = 5e-7
_LONGEST_WAIT_S = 20.0
_LESS_AND_LESS = (1.0, 0.1, 0.01)
"""How much of the margin is taken, until the readings are few enough."""

T = TypeVar("T")
S = TypeVar("S")
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
class Analysis(Generic[T]):
    """One function over the readings of a window and of its margin; equal names mean equal results.

    Within `margin` also readings beside the window are read, so that what reaches beyond it is seen whole.
    """

    name: Hashable
    judge: Judge[T]
    margin: Margin | None = None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Readings of one vehicle that an analysis takes, as they were counted."""

    first: datetime
    last: datetime
    number: int


@dataclass(frozen=True, slots=True)
class _Found(Generic[T]):
    """A result, and the `trace_starts_mid_history` and `last_reading_at` of its readings."""

    result: T
    trace_starts_mid_history: datetime | None
    last_reading_at: datetime | None


@dataclass(frozen=True, slots=True)
class Diagnosis(Generic[T]):
    """What was found, and the window that it holds for."""

    from_ts: datetime
    to_ts: datetime
    read_from_ts: datetime
    """Readings from here on were read, margin included,"""
    read_to_ts: datetime
    """and up to here."""
    trace_starts_mid_history: datetime | None
    """The first of them, where the vehicle has older ones too."""
    last_reading_at: datetime | None
    """The last of them; None where there are none."""
    found: T


class DiagnosisRunner:
    """Opened with the app."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0
        self._results = ResultCache()

    async def of(
        self, request: Request, vin: str, window: Window, analysis: Analysis[T], *, back: timedelta
    ) -> Diagnosis[T]:
        """The result of an analysis over the readings of a window.

        An open end is that of the readings; an open begin lies `back` from the end, or less far where that
        would be too many readings. Raises 404 for an unknown vehicle, 400 for a window with too many
        readings, 503 where too many wait already.
        """
        (found,) = await self._of(request, vin, window, [analysis], back)
        return found

    async def of_both(
        self,
        request: Request,
        vin: str,
        window: Window,
        one: Analysis[S],
        other: Analysis[T],
        *,
        back: timedelta,
    ) -> tuple[Diagnosis[S], Diagnosis[T]]:
        """The same of two analyses, for which the readings are read once."""
        found, also = await self._of(request, vin, window, [one, other], back)
        return found, also

    async def _of(
        self, request: Request, vin: str, window: Window, analyses: Sequence[Analysis[Any]], back: timedelta
    ) -> list[Diagnosis[Any]]:
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
        window_itself = _Stretch(from_ts, to_ts, number)
        stretches = [await self._with_margin(vin, window_itself, each.margin) for each in analyses]
        about = await self._database.read(profile, vin) or Profile()
        # Any reading that is stored, late ones included, changes the number: the key is another one. A signal
        # filled into a stored reading does not, and is seen when the kept result has expired.
        keys: list[Hashable] = [
            (analysis.name, vin, stretch, oldest, newest, about)
            for analysis, stretch in zip(analyses, stretches, strict=True)
        ]

        async def compute(missing: Sequence[Hashable], is_wanted: IsWanted) -> list[_Found[Any]]:
            wanted = [keys.index(key) for key in missing]
            spans = [
                (max(stretches[each].first, oldest), min(stretches[each].last, newest)) for each in wanted
            ]
            judges = [analyses[each].judge for each in wanted]
            async with self._its_turn():
                if not await is_wanted():
                    raise ProblemError(503, "The client did not wait for the answer.")
                begin, end = min(first for first, _ in spans), max(last for _, last in spans)
                async with self._database.heavy() as ask:
                    trace = await self._read(ask, vin, begin, end, about.current_sign)
                return [
                    await _judged(judge, trace, about, span, oldest)
                    for judge, span in zip(judges, spans, strict=True)
                ]

        return [
            Diagnosis(
                from_ts,
                to_ts,
                read_from_ts=min(max(stretch.first, oldest), from_ts),
                read_to_ts=max(min(stretch.last, newest), to_ts),
                trace_starts_mid_history=found.trace_starts_mid_history,
                last_reading_at=found.last_reading_at,
                found=found.result,
            )
            for stretch, found in zip(stretches, await self._results.get(request, keys, compute), strict=True)
        ]

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

    async def _with_margin(self, vin: str, window: _Stretch, margin: Margin | None) -> _Stretch:
        if margin is None:
            return window
        before, behind = await self._database.read(extent.beside, vin, window.first, window.last)
        for part in _LESS_AND_LESS:
            first = before - part * margin.before if before else window.first
            last = behind + part * margin.behind if behind else window.last
            if (number := await self._count(vin, first, last)) <= MOST_READINGS:
                return _Stretch(first, last, number)
        return window

    @staticmethod
    async def _read(ask: Ask, vin: str, from_ts: datetime, to_ts: datetime, current_sign: int) -> Trace:
        if to_ts < from_ts:
            return Trace.of(())
        parts = [
            await ask(readings.trace, vin, begin, end, current_sign)
            for begin, end in readings.stretches(from_ts, to_ts)
        ]
        return Trace.joined(parts)


async def _judged(
    judge: Judge[T], trace: Trace, about: Profile, span: tuple[datetime, datetime], oldest: datetime
) -> _Found[T]:
    first, last = span
    # Half a microsecond wider: the trace's floats and those of a datetime differ in their last digit.
    part = trace.between(first.timestamp() - _HALF_US, last.timestamp() + _HALF_US)
    return _Found(
        await to_thread.run_sync(judge, part, about),
        trace_starts_mid_history=moment(part.ts[0]) if len(part) and first > oldest else None,
        last_reading_at=moment(part.until) if len(part) else None,
    )


async def _diagnoses(request: Request) -> DiagnosisRunner:
    diagnoses: DiagnosisRunner = request.app.state.diagnoses
    return diagnoses


OpenDiagnosisRunner = Annotated[DiagnosisRunner, Depends(_diagnoses)]
