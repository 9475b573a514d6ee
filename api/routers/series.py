"""A vehicle's signals over time, for charts."""

import math
import re
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.authorisation import ClassifiedRoute, requires
from api.http.problems import ProblemError, problem_responses
from api.http.query_times import QueryTime, require_order
from api.http.responses import json_response
from api.http.scoped_data import VehicleData
from api.http.vin_path import unknown_vin
from api.queries import series as queries
from api.queries import telemetry, vehicle_states
from api.schemas.vehicles import Series
from api.serializers import series as series_of
from shared.access.role import Right
from shared.storage.hourly_rollup import HOUR

router = APIRouter(prefix="/api/vehicles", tags=["vehicles"], route_class=ClassifiedRoute)

MAX_BUCKETS = 5_000
DEFAULT_BUCKETS = 500
MAX_SCANNED = 1_000_000
"""Most readings to scan where buckets are not whole hours; the scan takes about two seconds."""
_LONGEST_LENGTH = timedelta(days=1)
_INTERVAL = "^([1-9][0-9]{1,3}s|[1-9][0-9]{0,2}m|([1-9]|1[0-9]|2[0-4])h|1d)$"
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# Lengths for `points`, as a clock shows them.
_ROUND_LENGTHS = [
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
@requires(Right.READ, is_costly=True)
async def series(
    *,
    vehicle: VehicleData,
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
            description=f"In place of interval: about so many buckets, of a round length; {DEFAULT_BUCKETS}"
            " by default",
        ),
    ] = None,
) -> Response:
    """Return lowest, mean and highest value of each signal per bucket; both ends of the window included.

    Buckets begin at whole multiples of their length, in UTC. A bucket without readings is left out: a gap
    stays a gap. At most 5,000 buckets; at most 1,000,000 readings, unless the buckets are whole hours, which
    `points` chooses where the window holds more.
    """
    require_order(from_ts, to_ts)
    if interval is not None and points is not None:
        raise ProblemError(400, "Name either interval or points.")
    length = interval or _for_points(to_ts - from_ts, points or DEFAULT_BUCKETS)
    _require_few_buckets(from_ts, to_ts, length)
    async with vehicle.heavy() as run:
        if not _is_of_hours(length) and to_ts - from_ts > HOUR:
            # The rollups give the number of readings to scan, as fast as a summary.
            found = await run(telemetry.summary, from_ts, to_ts)
            if found is None:
                raise unknown_vin()
            length = _affordable(found[0], length, is_fixed=interval is not None)
        rows = await run(queries.series, from_ts, to_ts, length)
        if not rows and not await run(vehicle_states.is_known):
            raise unknown_vin()
    return json_response(series_of(vehicle.vin, from_ts, to_ts, length, rows))


def _require_few_buckets(from_ts: datetime, to_ts: datetime, length: timedelta) -> None:
    buckets = math.ceil((to_ts - from_ts) / length) + 1
    if buckets > MAX_BUCKETS + 1:
        advice = "a shorter window" if length == _LONGEST_LENGTH else "a longer interval or a shorter window"
        raise ProblemError(400, f"{buckets} buckets; {MAX_BUCKETS} are the limit: take {advice}.")


def _is_of_hours(length: timedelta) -> bool:
    return not length % HOUR


def _affordable(readings: int, length: timedelta, *, is_fixed: bool) -> timedelta:
    """Return the length, or whole hours where `points` chose the length and the readings are too many."""
    if readings <= MAX_SCANNED:
        return length
    if is_fixed:
        raise ProblemError(
            400,
            f"{readings:,} readings would be scanned for such buckets; {MAX_SCANNED:,} are the limit:"
            " take whole hours (1h, 2h, ..), of which there are sums, or a shorter window.",
        )
    return next(rounded for rounded in _ROUND_LENGTHS if rounded > length and _is_of_hours(rounded))


def _for_points(window: timedelta, points: int) -> timedelta:
    return next((length for length in _ROUND_LENGTHS if window / length <= points), _LONGEST_LENGTH)
