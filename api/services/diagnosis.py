"""Diagnosis of a vehicle's past: the range of readings is found, read, and given to an analysis.

One diagnosis at a time in each process: its memory is measured for one year of readings as arrays.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from anyio import to_thread
from fastapi import Depends, Request

from api.http.problems import ProblemError
from api.http.query_times import require_order
from api.http.scoped_data import OneVehicle, RunScoped
from api.http.vin_path import unknown_vin
from api.queries import extent
from api.queries import trace as readings
from api.queries.telemetry import summary
from api.queries.vehicle_profiles import profile
from api.services.diagnosis_cache import HasClients, ResultCache
from shared.diagnostics.trace import Trace, moment
from shared.episodes.judged_window import MARGIN_SHARES, MAX_READINGS, Margin
from shared.storage.read_traces import split_window
from shared.vehicle_profile import Profile

_MAX_WAITING = 20
_HALF_US = 5e-7
_MAX_WAIT_S = 20.0

T = TypeVar("T")
S = TypeVar("S")
AnalysisFunction = Callable[[Trace, Profile], T]


@dataclass(frozen=True, slots=True)
class Window:
    """A window, both ends included; None for an open end."""

    from_ts: datetime | None
    to_ts: datetime | None


@dataclass(frozen=True, slots=True)
class Analysis(Generic[T]):
    """One function over the readings of a window and of its margin; equal names mean equal results.

    The readings of the margin are read too, so that a finding that reaches beyond the window is complete.
    """

    name: Hashable
    function: AnalysisFunction[T]
    margin: Margin | None = None


@dataclass(frozen=True, slots=True)
class _Range:
    """Range of the readings that an analysis takes, and their number."""

    first: datetime
    last: datetime
    number: int


class _Found(NamedTuple, Generic[T]):
    """A result, and the `trace_starts_mid_history` and `last_reading_at` of its readings.

    A tuple, so that the cache of results counts the findings in it.
    """

    result: T
    trace_starts_mid_history: datetime | None
    last_reading_at: datetime | None


@dataclass(frozen=True, slots=True)
class Diagnosis(Generic[T]):
    """Result of an analysis, and the window it holds for."""

    from_ts: datetime
    to_ts: datetime
    read_from_ts: datetime
    """Begin of the readings that were read, margin included."""
    read_to_ts: datetime
    """End of the readings that were read, margin included."""
    trace_starts_mid_history: datetime | None
    """Time of the first reading that was read; None where the vehicle has no older ones."""
    last_reading_at: datetime | None
    """Time of the last reading that was read; None where there are none."""
    result: T


class DiagnosisRunner:
    """Runner of the app's analyses, one at a time, with a cache of results."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0
        self._results = ResultCache()

    async def run(
        self, request: Request, vehicle: OneVehicle, window: Window, analysis: Analysis[T], *, back: timedelta
    ) -> Diagnosis[T]:
        """Run an analysis over the readings of a window.

        An open end is that of the readings; an open begin lies `back` before the end, or later where that
        would be too many readings. Raises 404 for an unknown vehicle, 400 for a window with too many
        readings, 503 where too many wait already.
        """
        (found,) = await self._run_all(request, vehicle, window, [analysis], back)
        return found

    async def run_both(
        self,
        request: Request,
        vehicle: OneVehicle,
        window: Window,
        one: Analysis[S],
        other: Analysis[T],
        *,
        back: timedelta,
    ) -> tuple[Diagnosis[S], Diagnosis[T]]:
        """Run two analyses as `run` does, but read the readings once."""
        found, also = await self._run_all(request, vehicle, window, [one, other], back)
        return found, also

    async def _run_all(
        self,
        request: Request,
        vehicle: OneVehicle,
        window: Window,
        analyses: Sequence[Analysis[Any]],
        back: timedelta,
    ) -> list[Diagnosis[Any]]:
        require_order(window.from_ts, window.to_ts)
        known = await vehicle.read(extent.first_and_last_ts)
        if known is None:
            raise unknown_vin()
        oldest, newest = known
        to_ts = window.to_ts or max(newest, window.from_ts or newest)
        from_ts = window.from_ts or await self._begin(vehicle, oldest, to_ts, back)
        if (number := await self._count(vehicle, from_ts, to_ts)) > MAX_READINGS:
            raise ProblemError(
                400,
                f"{number:,} readings in this window; {MAX_READINGS:,} are the limit: take a shorter one.",
            )
        window_itself = _Range(from_ts, to_ts, number)
        ranges = [await self._with_margin(vehicle, window_itself, each.margin) for each in analyses]
        known_profile = await vehicle.read(profile) or Profile()
        # Every reading that is stored, a late one too, changes the number and so the key. A signal that is
        # filled into a stored reading does not: it counts once the kept result has expired.
        keys: list[Hashable] = [
            (analysis.name, vehicle.vin, each_range, oldest, newest, known_profile)
            for analysis, each_range in zip(analyses, ranges, strict=True)
        ]

        async def compute(missing: Sequence[Hashable], has_clients: HasClients) -> list[_Found[Any]]:
            numbers = [keys.index(key) for key in missing]
            spans = [(max(ranges[each].first, oldest), min(ranges[each].last, newest)) for each in numbers]
            functions = [analyses[each].function for each in numbers]
            async with self._turn_of_diagnosis():
                if not await has_clients():
                    raise ProblemError(503, "The client did not wait for the answer.")
                begin, end = min(first for first, _ in spans), max(last for _, last in spans)
                async with vehicle.heavy() as run:
                    trace = await self._read(run, begin, end, known_profile.current_sign)
                return [
                    await _analysed(function, trace, known_profile, span, oldest)
                    for function, span in zip(functions, spans, strict=True)
                ]

        return [
            Diagnosis(
                from_ts,
                to_ts,
                read_from_ts=min(max(each_range.first, oldest), from_ts),
                read_to_ts=max(min(each_range.last, newest), to_ts),
                trace_starts_mid_history=found.trace_starts_mid_history,
                last_reading_at=found.last_reading_at,
                result=found.result,
            )
            for each_range, found in zip(ranges, await self._results.get(request, keys, compute), strict=True)
        ]

    @asynccontextmanager
    async def _turn_of_diagnosis(self) -> AsyncIterator[None]:
        """Wait for the turn of a diagnosis. Raises 503 where many wait already, and after a long wait."""
        if self._waiting >= _MAX_WAITING:
            raise ProblemError(
                503,
                f"{_MAX_WAITING} diagnoses are waiting in this process already; try again shortly.",
                headers={"Retry-After": "5"},
            )
        self._waiting += 1
        try:
            async with asyncio.timeout(_MAX_WAIT_S):
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

    async def _begin(
        self, vehicle: OneVehicle, oldest: datetime, to_ts: datetime, back: timedelta
    ) -> datetime:
        # The first reading is never before 2000, but the requested time may be in the year 1.
        begin = max(oldest, to_ts - back) if to_ts > oldest + back else min(oldest, to_ts)
        start = await vehicle.read(extent.start_within, begin, to_ts, MAX_READINGS)
        return max(begin, start) if start else begin

    async def _count(self, vehicle: OneVehicle, from_ts: datetime, to_ts: datetime) -> int:
        counted = await vehicle.read(summary, from_ts, to_ts)
        return int(counted[0]) if counted else 0

    async def _with_margin(self, vehicle: OneVehicle, window: _Range, margin: Margin | None) -> _Range:
        if margin is None:
            return window
        before, after = await vehicle.read(extent.neighbouring_ts, window.first, window.last)
        for part in MARGIN_SHARES:
            first = before - part * margin.before if before else window.first
            last = after + part * margin.after if after else window.last
            if (number := await self._count(vehicle, first, last)) <= MAX_READINGS:
                return _Range(first, last, number)
        return window

    @staticmethod
    async def _read(run: RunScoped[str], from_ts: datetime, to_ts: datetime, current_sign: int) -> Trace:
        if to_ts < from_ts:
            return Trace.of(())
        parts = [
            await run(readings.trace, begin, end, current_sign) for begin, end in split_window(from_ts, to_ts)
        ]
        return Trace.joined(parts)


async def _analysed(
    function: AnalysisFunction[T],
    trace: Trace,
    known_profile: Profile,
    span: tuple[datetime, datetime],
    oldest: datetime,
) -> _Found[T]:
    first, last = span
    # Half a microsecond wider: the trace's floats and those of a datetime differ in their last digit.
    part = trace.between(first.timestamp() - _HALF_US, last.timestamp() + _HALF_US)
    return _Found(
        await to_thread.run_sync(function, part, known_profile),
        trace_starts_mid_history=moment(part.ts[0]) if len(part) and first > oldest else None,
        last_reading_at=moment(part.until) if len(part) else None,
    )


async def _diagnoses(request: Request) -> DiagnosisRunner:
    diagnoses: DiagnosisRunner = request.app.state.diagnoses
    return diagnoses


OpenDiagnosisRunner = Annotated[DiagnosisRunner, Depends(_diagnoses)]
