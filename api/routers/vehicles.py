"""The fleet as a list, and one vehicle's latest state, connectivity, summary and history."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, Field

from api.http.authorisation import ClassifiedRoute, requires
from api.http.dependencies import LoadedSettings
from api.http.pagination import (
    Limit,
    ListQuery,
    NextToken,
    Page,
    WindowQuery,
    make_token,
    page_response,
    resume,
)
from api.http.problems import problem_responses
from api.http.query_times import QueryTime, require_order
from api.http.responses import json_response
from api.http.scoped_data import FleetData, VehicleData
from api.http.vin_path import unknown_vin
from api.queries import telemetry, vehicle_states
from api.queries.connectivity import connectivity_row
from api.queries.episode_list import LATELY, episodes_of_vehicle, labels_of
from api.schemas.vehicles import (
    FleetVehicle,
    ListedVehicle,
    StoredReading,
    Summary,
    VehicleConnectivity,
    VehicleState,
)
from api.serializers import listed_vehicle, stored_reading, vehicle_connectivity, vehicle_state
from api.serializers import summary as summary_of
from shared.access.role import Right
from shared.wire.connectivity import State

router = APIRouter(prefix="/api/vehicles", tags=["vehicles"], route_class=ClassifiedRoute)


class VehiclesQuery(ListQuery):
    """Parameters of `GET /api/vehicles`."""

    list: Literal["vehicles"] = "vehicles"
    vin_prefix: str | None
    soc_below: float | None
    seen_since: AwareDatetime | None
    connectivity: State | None
    after: str = Field("", pattern=r"^[A-Z0-9-]{0,40}$")


class HistoryQuery(WindowQuery):
    """Parameters of `GET /api/vehicles/{vin}/telemetry`."""

    list: Literal["telemetry"] = "telemetry"
    after: AwareDatetime | None = None


@router.get("", response_model=Page[ListedVehicle], responses=problem_responses(400, 401, 422, 503))
@requires(Right.READ)
async def fleet(
    *,
    data: FleetData,
    settings: LoadedSettings,
    vin_prefix: Annotated[str | None, Query(pattern="^[A-Za-z0-9-]{1,40}$")] = None,
    soc_below: Annotated[
        float | None, Query(allow_inf_nan=False, description="Only where the latest soc is below this, %")
    ] = None,
    seen_since: Annotated[
        QueryTime | None, Query(description="Only where the newest reading is not older than this")
    ] = None,
    connectivity: State | None = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Response:
    """List every vehicle with its newest values, in order of VIN."""
    arguments = VehiclesQuery(
        scope=data.scope.mark,
        vin_prefix=vin_prefix.upper() if vin_prefix else None,
        soc_below=soc_below,
        seen_since=seen_since,
        connectivity=connectivity,
        limit=limit,
    )
    query = resume(next_token, arguments)
    now, limits = datetime.now(UTC), settings.connectivity_limits
    rows = await data.read(
        vehicle_states.page,
        after=query.after,
        limit=query.page_size + 1,
        vin_prefix=query.vin_prefix,
        soc_below=query.soc_below,
        seen_since=query.seen_since,
        connectivity=query.connectivity,
        now=now,
        limits=limits,
    )
    return page_response(
        [listed_vehicle(row, settings.alert_thresholds) for row in rows[: query.page_size]],
        make_token(query, rows[query.page_size - 1][0]) if len(rows) > query.page_size else None,
    )


@router.get("/{vin}/latest", response_model=VehicleState, responses=problem_responses(401, 404, 503))
@requires(Right.READ, is_direct=True)
async def latest(vehicle: VehicleData, request: Request) -> Response:
    """Return the reading with the newest `ts`, in any order of arrival, and its alerts."""
    # The most frequent call: `is_direct` leaves out dependencies, and with them one for the settings.
    row = await vehicle.latest()
    if row is None:
        raise unknown_vin()
    return json_response(vehicle_state(row, request.app.state.settings.alert_thresholds))


@router.get("/{vin}/state", response_model=FleetVehicle, responses=problem_responses(401, 404, 503))
@requires(Right.READ)
async def state(vehicle: VehicleData, settings: LoadedSettings) -> Response:
    """Return `latest` with connectivity, charging and episodes, as a vehicle of `/api/fleet`."""
    now, limits = datetime.now(UTC), settings.connectivity_limits
    row = await vehicle.read(vehicle_states.state, now=now, limits=limits)
    if row is None:
        raise unknown_vin()
    charging, *columns = row
    episodes = await vehicle.read(episodes_of_vehicle, now - LATELY)
    known = await vehicle.read(labels_of)
    return json_response(
        listed_vehicle(columns, settings.alert_thresholds)
        | {"charging": charging}
        | episodes.fields()
        | known
    )


@router.get(
    "/{vin}/connectivity",
    response_model=VehicleConnectivity,
    responses=problem_responses(401, 404, 503),
)
@requires(Right.READ)
async def connectivity(vehicle: VehicleData, settings: LoadedSettings) -> Response:
    """Return whether a vehicle is online, stale or offline, since when, and the facts it follows from.

    404 where the vehicle has sent neither a reading nor a status.
    """
    now, limits = datetime.now(UTC), settings.connectivity_limits
    row = await vehicle.read(connectivity_row, now=now, limits=limits)
    if row is None:
        raise unknown_vin()
    return json_response(vehicle_connectivity(vehicle.vin, row))


@router.get("/{vin}/summary", response_model=Summary, responses=problem_responses(400, 401, 404, 422, 503))
@requires(Right.READ)
async def summary(vehicle: VehicleData, from_ts: QueryTime, to_ts: QueryTime) -> Response:
    """Return count and extremes of the readings in a window, both ends included."""
    require_order(from_ts, to_ts)
    row = await vehicle.read(telemetry.summary, from_ts, to_ts)
    if row is None:
        raise unknown_vin()
    return json_response(summary_of(vehicle.vin, from_ts, to_ts, row))


@router.get(
    "/{vin}/telemetry",
    response_model=Page[StoredReading],
    responses=problem_responses(400, 401, 404, 422, 503),
)
@requires(Right.READ, is_costly=True)
async def history(
    *,
    vehicle: VehicleData,
    from_ts: QueryTime | None = None,
    to_ts: QueryTime | None = None,
    order: Annotated[Literal["asc", "desc"] | None, Query(description="By ts; default asc")] = None,
    limit: Limit = None,
    next_token: NextToken = None,
) -> Response:
    """List the readings of a window, both ends included, in order of `ts`."""
    require_order(from_ts, to_ts)
    arguments = HistoryQuery(
        scope=vehicle.scope.mark, vin=vehicle.vin, from_ts=from_ts, to_ts=to_ts, order=order, limit=limit
    )
    query = resume(next_token, arguments)
    async with vehicle.heavy() as run:
        rows = await run(
            telemetry.history,
            from_ts=query.from_ts,
            to_ts=query.to_ts,
            after=query.after,
            descending=query.is_descending,
            limit=query.page_size + 1,
        )
        if not rows and not await run(vehicle_states.is_known):
            raise unknown_vin()
    return page_response(
        list(map(stored_reading, rows[: query.page_size])),
        make_token(query, rows[query.page_size - 1][1]) if len(rows) > query.page_size else None,
    )
