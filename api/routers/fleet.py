"""Overview of the fleet, for a dashboard that polls."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api.http.authorisation import ClassifiedRoute, requires
from api.http.dependencies import LoadedSettings
from api.http.pagination import ANY_OF
from api.http.problems import problem_responses
from api.http.responses import json_response
from api.http.scoped_data import FleetData
from api.queries.fleet_columns import fleet
from api.schemas.vehicles import Fleet
from api.services.fleet_overview import FleetOverview, FleetQuery, Sort
from shared.access.role import Right
from shared.diagnostics.alerts import Severity
from shared.wire.connectivity import State

router = APIRouter(prefix="/api/fleet", tags=["fleet"], route_class=ClassifiedRoute)


@router.get("", response_model=Fleet, responses=problem_responses(401, 422, 503))
@requires(Right.READ)
async def overview(
    *,
    data: FleetData,
    settings: LoadedSettings,
    state: Annotated[list[State] | None, Query(description=ANY_OF)] = None,
    min_severity: Annotated[
        Severity | None, Query(description="With an alert of this severity or worse")
    ] = None,
    charging: bool | None = None,
    q: Annotated[
        str | None, Query(pattern="^[A-Za-z0-9-]{1,40}$", description="Part of a VIN, in upper or lower case")
    ] = None,
    sort: Sort = Sort.ALERT,
    order: Annotated[
        Literal["asc", "desc"] | None,
        Query(description="Default asc, for alert desc: the worst first; equals by VIN"),
    ] = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Count all vehicles of the key, and list a page of the vehicles that pass the filters; nulls sort last.

    The answer is a snapshot with page numbers, not a keyset list: the order changes with every reading, and a
    client that polls every few seconds needs the worst vehicles of now. A page beyond the last one is empty.

    `charging`: at least 2 A go into the pack (by a current at most 15 minutes older than the newest reading),
    the odometer stood still for two minutes
    (where it is known: braking charges the pack too), and the vehicle is online.
    """
    now, limits, thresholds = datetime.now(UTC), settings.connectivity_limits, settings.alert_thresholds
    columns = await data.read(fleet, now=now, limits=limits)
    query = FleetQuery(
        states=frozenset(state or State),
        min_severity=min_severity,
        charging=charging,
        q=q.upper() if q else None,
        sort=sort,
        descending=(order or ("desc" if sort is Sort.ALERT else "asc")) == "desc",
        page=page,
        page_size=page_size,
    )
    return json_response(FleetOverview(columns, now=now, limits=limits, thresholds=thresholds).page(query))
