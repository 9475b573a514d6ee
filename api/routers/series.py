"""A vehicle's signals over time, for charts."""

import math
import re
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.db.database import OpenDatabase
from api.http.problems import ProblemError, problem_responses
from api.http.query_times import QueryTime, require_order
from api.http.responses import answer
from api.http.vin_path import Vin, normal_vin, unknown_vin
from api.queries import series as queries
from api.queries import telemetry, vehicle_states
from api.schemas.vehicles import Series
from api.serializers import series as series_of
from shared.storage.hourly_rollup import HOUR

router = APIRouter(prefix="/api/vehicles", tags=["vehicles"])

MAX_BUCKETS = 5_000
USUAL_BUCKETS = 500
MAX_SCANNED = 1_000_000
"""Readings that are scanned where buckets are not whole hours: it takes the database about two seconds."""
_LONGEST = timedelta(days=1)
_INTERVAL = "^([1-9][0-9]{1,3}s|[1-9][0-9]{0,2}m|([1-9]|1[0-9]|2[0-4])h|1d)$"
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# What `points` chooses from: lengths that a clock shows.
_ROUND = [
    *(timedelta(seconds=n) for n in (10, 15, 30)),
    *(timedelta(minutes=n) for n in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=n) for n in (1, 2, 3, 6, 12, 24)),
]


def _parse(text: Any) -> timedelta:
    if not isinstance(text, str) or re.fullmatch(_INTERVAL, text) is None:
        raise PydanticCustomError("interval", "must be 10s to 1d, such as 30s, 5m, 1h")
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


Interval = Annotated[
    timedelta,
    BeforeValidator(_parse),
    WithJsonSchema({"type": "string", "pattern": _INTERVAL}),
]


@router.get("/{vin}/series", response_model=Series, responses=problem_responses(400, 401, 404, 422, 503))
async def series(
    *,
    vin: Vin,
    database: OpenDatabase,
    from_ts: QueryTime,
    to_ts: QueryTime,
    interval: Annotated[
        Interval | None, Query(description="Length of a bucket: 10s to 1d", examples=["5m"])
    ] = None,
    points: Annotated[
        int | None,
        Query(
            ge=1,
            le=MAX_BUCKETS,
            description=f"In place of interval: about so many buckets, of a round length; {USUAL_BUCKETS}"
            " by default",
        ),
    ] = None,
) -> Response:
    """Lowest, mean and highest value of each signal, bucket by bucket; both ends of the window included.

    Buckets begin at whole multiples of their length, in UTC. A bucket without readings is left out: a gap
    stays a gap. At most 5,000 buckets; at most 1,000,000 readings, unless the buckets are whole hours, which
    `points` takes where there are more.
    """
    vin = normal_vin(vin)
    require_order(from_ts, to_ts)
    if interval is not None and points is not None:
        raise ProblemError(400, "Name either interval or points.")
    length = interval or _for_points(to_ts - from_ts, points or USUAL_BUCKETS)
    _require_few_buckets(from_ts, to_ts, length)
    async with database.heavy() as ask:
        if not _is_of_hours(length) and to_ts - from_ts > HOUR:
            # What would be scanned is known from the rollups: as quick as a summary.
            counted = await ask(telemetry.summary, vin, from_ts, to_ts)
            if counted is None:
                raise unknown_vin()
            length = _affordable(counted[0], length, is_fixed=interval is not None)
        rows = await ask(queries.series, vin, from_ts, to_ts, length)
        if not rows and not await ask(vehicle_states.is_known, vin):
            raise unknown_vin()
    return answer(series_of(vin, from_ts, to_ts, length, rows))


def _require_few_buckets(from_ts: datetime, to_ts: datetime, length: timedelta) -> None:
    buckets = math.ceil((to_ts - from_ts) / length) + 1
    if buckets > MAX_BUCKETS + 1:
        advice = "a shorter window" if length == _LONGEST else "a longer interval or a shorter window"
        raise ProblemError(400, f"{buckets} buckets; {MAX_BUCKETS} are the limit: take {advice}.")


def _is_of_hours(length: timedelta) -> bool:
    return not length % HOUR


def _affordable(readings: int, length: timedelta, *, is_fixed: bool) -> timedelta:
    """The length, or a whole hour where that was left to us and the readings are too many to be scanned."""
    if readings <= MAX_SCANNED:
        return length
    if is_fixed:
        raise ProblemError(
            400,
            f"{readings:,} readings would be scanned for such buckets; {MAX_SCANNED:,} are the limit:"
            " take whole hours (1h, 2h, ..), of which there are sums, or a shorter window.",
        )
    return next(rounded for rounded in _ROUND if rounded > length and _is_of_hours(rounded))


def _for_points(window: timedelta, points: int) -> timedelta:
    return next((length for length in _ROUND if window / length <= points), _LONGEST)
