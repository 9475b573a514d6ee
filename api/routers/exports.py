"""Exports of readings and summaries, as files of any length."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api import serializers
from api.http.authorisation import ClassifiedRoute, requires
from api.http.export_permit import ExportPermits, clear_permit
from api.http.problems import ProblemError, problem_responses
from api.http.query_times import QueryTime, require_order
from api.http.scoped_data import NamedVehicles, NamedVehiclesData
from api.queries import exports, telemetry
from api.queries.exports import FormatName
from api.schemas.vehicles import Summary
from api.services.export_formats import FORMATS, Format, accepts_gzip, preferred_format
from api.services.export_readings import readings_in_order, stretches_of
from api.services.export_stream import Blocks, Export, ExportSlots
from shared.access.role import Right

router = APIRouter(prefix="/api/export", tags=["exports"], route_class=ClassifiedRoute)

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A file: CSV (RFC 4180, CRLF) with a header, or one JSON object a line;"
        " compressed where Accept-Encoding allows gzip.",
        "content": {kind.media_type: {"schema": {"type": "string"}} for kind in FORMATS.values()},
        "headers": {
            "Content-Disposition": {"description": "The name of the file", "schema": {"type": "string"}}
        },
    },
    **problem_responses(400, 401, 404, 406, 422, 503),
}

_PERMIT_RESPONSES: dict[int | str, dict[str, Any]] = {
    204: {
        "description": "Permitted",
        "headers": {"Set-Cookie": {"description": "Where keys are needed", "schema": {"type": "string"}}},
    },
    **problem_responses(400, 401, 404, 406, 422, 503),
}


async def _requested_format(
    request: Request,
    name: Annotated[
        FormatName | None, Query(alias="format", description="By default as the Accept header says")
    ] = None,
) -> Format:
    found = FORMATS[name] if name else preferred_format(request.headers.get("accept", ""))
    if found is None:
        kinds = " or ".join(kind.media_type for kind in FORMATS.values())
        raise ProblemError(406, f"This call answers {kinds}: ask for one in Accept, or with format=.")
    return found


RequestedFormat = Annotated[Format, Depends(_requested_format)]


@router.get("/telemetry", response_class=Response, responses=_RESPONSES)
@requires(Right.READ, is_costly=True, takes_permit=True)
async def export_telemetry(
    *,
    request: Request,
    vehicles: NamedVehiclesData,
    kind: RequestedFormat,
    from_ts: QueryTime | None = None,
    to_ts: QueryTime | None = None,
) -> Response:
    """Export the readings of a window, both ends included, by vin, then ts; an open end has no limit.

    Up to 100 vehicles and any number of readings. A transfer that breaks off shows as incomplete.
    Two exports at a time; another one is answered 503.
    """
    require_order(from_ts, to_ts)
    extents = await _extents(vehicles)
    begin = from_ts or min(oldest for oldest, _ in extents.values())
    # An open window gets an end, too: readings arrive all the time.
    end = to_ts or max(begin, *(newest for _, newest in extents.values()))
    slots: ExportSlots = request.app.state.exports

    async def select(stretches: Sequence[exports.Stretch]) -> Sequence[exports.Block]:
        return await vehicles.export(exports.blocks, kind.name, stretches)

    first = max(begin, min(oldest for oldest, _ in extents.values()))
    last = min(end, max(newest for _, newest in extents.values()))
    stretches = stretches_of(sorted(extents), first, last)
    blocks = readings_in_order(select, stretches, head=kind.head(exports.COLUMNS), is_alone=slots.is_alone)
    return _file(request, kind, blocks, _file_name(sorted(extents), begin, end))


@router.post("/telemetry", status_code=204, responses=_PERMIT_RESPONSES)
@requires(Right.READ, is_costly=True)
async def permit_telemetry(
    *,
    request: Request,
    vehicles: NamedVehiclesData,
    _kind: RequestedFormat,
    from_ts: QueryTime | None = None,
    to_ts: QueryTime | None = None,
) -> Response:
    """Set a cookie with which a GET of exactly this address needs no X-API-Key: within 60 s, and once.

    For browsers, which follow a link without headers. The POST is refused where the GET would be.
    """
    require_order(from_ts, to_ts)
    await _extents(vehicles)
    slots: ExportSlots = request.app.state.exports
    with slots.slot():
        pass
    permits: ExportPermits = request.app.state.permits
    return permits.give(request, vehicles.caller) if vehicles.caller.id else Response(status_code=204)


@router.get("/summary", response_class=Response, responses=_RESPONSES)
@requires(Right.READ, is_costly=True, takes_permit=True)
async def export_summary(
    *,
    request: Request,
    vehicles: NamedVehiclesData,
    kind: RequestedFormat,
    from_ts: QueryTime,
    to_ts: QueryTime,
) -> Response:
    """Export count and extremes of a window's readings, both ends included: one line a vehicle, by vin."""
    require_order(from_ts, to_ts)
    known = sorted(await _extents(vehicles))
    blocks = _summaries(vehicles, kind, known, from_ts, to_ts)
    return _file(request, kind, blocks, f"{_file_name(known, from_ts, to_ts)}_summary")


async def _summaries(
    vehicles: NamedVehicles, kind: Format, vins: Sequence[str], from_ts: datetime, to_ts: datetime
) -> Blocks:
    lines = [kind.head(tuple(Summary.model_fields))]
    for vin in vins:
        row = await vehicles.vehicle(vin).export(telemetry.summary, from_ts, to_ts)
        # A vehicle that was known a moment ago has a row, unless its readings were deleted since.
        if row is not None:
            lines.append(kind.line(serializers.summary(vin, from_ts, to_ts, row)))
    yield b"".join(lines)


async def _extents(vehicles: NamedVehicles) -> dict[str, tuple[datetime, datetime]]:
    """Return the extent of each named vehicle. Raises 404 for an unknown one, before any byte is sent."""
    found = await vehicles.export(exports.extents)
    if unknown := [vin for vin in vehicles.vins if vin not in found]:
        more = f" and of {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise ProblemError(404, f"No reading is stored of {', '.join(unknown[:5])}{more}.")
    return found


def _file_name(vins: Sequence[str], from_ts: datetime, to_ts: datetime) -> str:
    subject = vins[0] if len(vins) == 1 else f"{len(vins)}-vehicles"
    return f"{subject}_{from_ts.date().isoformat()}_to_{to_ts.date().isoformat()}"


def _file(request: Request, kind: Format, blocks: Blocks, name: str) -> Response:
    headers = {
        "Content-Type": f"{kind.media_type}; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}.{kind.name}"',
        "Vary": "Accept, Accept-Encoding",
    }
    gzip = accepts_gzip(request.headers.get("accept-encoding", ""))
    export = Export(request.app.state.exports, blocks, gzip=gzip, headers=headers)
    clear_permit(request, export)
    return export
