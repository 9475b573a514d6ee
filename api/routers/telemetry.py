"""Ingestion of readings by POST: all readings of a request are stored, or none."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import TypeAdapter, ValidationError

from api.http.authorisation import ClassifiedRoute, requires
from api.http.dependencies import LoadedSettings
from api.http.json_body import body_error, body_errors, parse_body, require_json
from api.http.problems import ProblemError, problem_responses
from api.http.request_metrics import LoadedMetrics
from api.http.scoped_data import FleetData
from api.queries.ingest import ingest
from api.schemas.vehicles import IngestResult
from shared.access.role import Right
from shared.wire.fast_reading import parse_readings_fast
from shared.wire.reading import MAX_READINGS, Reading, Row
from shared.wire.refusal import Reason

router = APIRouter(prefix="/api", tags=["telemetry"], route_class=ClassifiedRoute)

_READINGS = TypeAdapter(list[Reading])
_SMALL_BYTES = 4_096

_EXAMPLE = [
    {
        "vin": "VIN-DEMO-001",
        "ts": "2026-01-24T12:05:00Z",
        "soc": 18.0,
        "soh": 92.0,
        "pack_voltage": 310.1,
        "pack_current": 95.0,
        "max_temp": 52.0,
        "min_temp": 33.0,
        "odo_km": 1201.2,
    }
]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "1 to 10,000 readings, at most 5 MiB. At least one signal of each must not be null.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Reading"},
                    "minItems": 1,
                    "maxItems": MAX_READINGS,
                },
                "example": _EXAMPLE,
            }
        },
    }
}


@router.post(
    "/telemetry",
    response_model_exclude_none=True,
    responses=problem_responses(400, 401, 413, 415, 422, 503),
    openapi_extra=_BODY,
)
@requires(Right.SEND)
async def ingest_readings(
    request: Request, fleet: FleetData, settings: LoadedSettings, metrics: LoadedMetrics
) -> IngestResult:
    """Store the readings of a request, or none where one is bad; the answer names each bad index and field.

    Readings of one (vin, ts) complete each other. A reading that adds no signal counts as a duplicate and
    changes nothing; where a signal has another value, it is also kept as a rejection, reason `conflict`.
    """
    require_json(request)
    body = await request.body()
    received_at = datetime.now(UTC)
    latest = received_at + timedelta(seconds=settings.max_future_skew_s)
    # A small body is parsed sooner than a thread would start.
    if len(body) < _SMALL_BYTES:
        rows = _parse(body, received_at, latest)
    else:
        rows = await to_thread.run_sync(_parse, body, received_at, latest)
    fleet.require_all(rows)
    metrics.tally.receive(len(rows))
    try:
        outcome = await fleet.ingest(ingest, rows)
    except BaseException:
        metrics.tally.settle(len(rows), failed=len(rows))
        raise
    metrics.tally.settle(
        len(rows),
        stored=outcome.stored,
        duplicate=len(outcome.duplicates),
        rejected={Reason.CONFLICT.value: len(outcome.conflicts)},
    )
    duplicates = len(outcome.duplicates) + len(outcome.conflicts)
    return IngestResult(inserted=outcome.stored, duplicates=duplicates or None)


def _parse(body: bytes, received_at: datetime, latest: datetime) -> Sequence[Row]:
    """Parse the readings of a body."""
    fast = parse_readings_fast(body, None, received_at=received_at, latest=latest)
    return fast or [Row.of(reading, received_at) for reading in _parse_strictly(body, latest)]


def _parse_strictly(body: bytes, latest: datetime) -> list[Reading]:
    content = parse_body(body)
    if content == []:
        raise ProblemError(400, "The array holds no reading.")
    if isinstance(content, list) and len(content) > MAX_READINGS:
        raise ProblemError(413, f"{len(content):,} readings in one request; {MAX_READINGS:,} are the limit.")
    if not isinstance(content, list):
        raise body_error((), "must be an array of readings", "list_type")
    try:
        return _READINGS.validate_python(content, context=latest)
    except ValidationError as invalid:
        raise body_errors(invalid) from None
