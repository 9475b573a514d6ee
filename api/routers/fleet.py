"""Overview of the fleet, for a dashboard that polls."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api.http.authorisation import ClassifiedRoute, requires
from api.http.dependencies import LoadedSettings
from api.http.pagination import ANY_OF, GroupFilter
from api.http.problems import problem_responses
from api.http.query_times import QueryTime
from api.http.responses import json_response
from api.http.scoped_data import FleetData, WholeScope
from api.queries.episode_list import LATELY, NO_LABELS, episodes_of_vehicles, labels, vins_of_group
from api.queries.fleet_columns import fleet
from api.queries.last_charges import charging_facts, last_charges
from api.schemas.charging_fleet import ChargingFleet
from api.schemas.vehicles import Fleet
from api.services.charging_overview import ChargingOverview, ChargingQuery, Show, done_at
from api.services.fleet_overview import FleetOverview, FleetQuery, Sort
from shared.access.role import Right
from shared.diagnostics.alerts import Severity
from shared.wire.connectivity import State

router = APIRouter(prefix="/api/fleet", tags=["fleet"], route_class=ClassifiedRoute)

_LONGEST_LOOK = timedelta(days=14)


@router.get("", response_model=Fleet, responses=problem_responses(401, 422, 503))
@requires(Right.READ)
async def overview(
    *,
    data: FleetData,
    settings: LoadedSettings,
    state: Annotated[list[State] | None, Query(description=ANY_OF)] = None,
    min_severity: Annotated[
        Severity | None, Query(description="With an alert or an open episode of this severity or worse")
    ] = None,
    charging: bool | None = None,
    q: Annotated[
        str | None, Query(pattern="^[A-Za-z0-9-]{1,40}$", description="Part of a VIN, in upper or lower case")
    ] = None,
    group: GroupFilter = None,
    sort: Sort = Sort.ALERT,
    order: Annotated[
        Literal["asc", "desc"] | None,
        Query(description="Default asc, for alert desc: the worst first, then the newest; equals by VIN"),
    ] = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Count all vehicles of the key, and list a page of the vehicles that pass the filters; nulls sort last.

    The answer is a snapshot with page numbers, not a keyset list: the order changes with every reading, and a
    client that polls every few seconds needs the worst vehicles of now. A page beyond the last one is empty.
    A vehicle with an open THERMAL_EVENT comes first in the order of `alert`; then the severity of the worst
    open episode or alert counts, then the begin of that episode.

    `charging`: at least 2 A go into the pack (by a current at most 15 minutes older than the newest reading),
    the odometer stood still for two minutes
    (where it is known: braking charges the pack too), and the vehicle is online.
    """
    now, limits, thresholds = datetime.now(UTC), settings.connectivity_limits, settings.alert_thresholds
    columns = await data.read(fleet, now=now, limits=limits)
    episodes = await data.read(episodes_of_vehicles, now - LATELY)
    members = None if group is None else await data.read(vins_of_group, group)
    query = FleetQuery(
        states=frozenset(state or State),
        min_severity=min_severity,
        charging=charging,
        q=q.upper() if q else None,
        vins=members,
        sort=sort,
        descending=(order or ("desc" if sort is Sort.ALERT else "asc")) == "desc",
        page=page,
        page_size=page_size,
    )
    found = FleetOverview(columns, episodes, now=now, limits=limits, thresholds=thresholds).page(query)
    await _label(data, found["vehicles"])
    return json_response(found)


@router.get("/charging", response_model=ChargingFleet, responses=problem_responses(401, 422, 503))
@requires(Right.READ, is_costly=True)
async def charging_overview(
    *,
    data: FleetData,
    settings: LoadedSettings,
    show: Annotated[Show, Query(description="Which vehicles are listed")] = Show.ALL,
    soc_below: Annotated[
        float, Query(ge=0, le=100, description="Soc below which a vehicle that does not charge is low, %")
    ] = 30.0,
    since: Annotated[
        QueryTime | None,
        Query(description="Charges are looked for from then on, at most 14 days back; default 24 hours ago"),
    ] = None,
    group: GroupFilter = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Count and list the vehicles by what a charging round in the morning asks: charging, low, not charged.

    Low vehicles that do not charge come first, the emptiest first; then those that charge; then the rest.
    """
    now, limits = datetime.now(UTC), settings.connectivity_limits
    since = max(since or now - LATELY, now - _LONGEST_LOOK)
    columns = await data.read(fleet, now=now, limits=limits)
    async with data.heavy() as run:
        charged = await run(last_charges, since)
    members = None if group is None else await data.read(vins_of_group, group)
    query = ChargingQuery(show=show, soc_below=soc_below, vins=members, page=page, page_size=page_size)
    overview = ChargingOverview(columns, charged, now=now, since=since)
    found = overview.page(query)
    profiles = await data.read(charging_facts, [each["vin"] for each in found["vehicles"]])
    for vehicle in found["vehicles"]:
        vehicle["done_at"] = done_at(vehicle, profiles.get(vehicle["vin"]), now)
    await _label(data, found["vehicles"])
    return json_response(found)


async def _label(data: WholeScope, vehicles: Sequence[dict[str, Any]]) -> None:
    found = await data.read(labels, [vehicle["vin"] for vehicle in vehicles])
    for vehicle in vehicles:
        vehicle.update(found.get(vehicle["vin"], NO_LABELS))
