"""The build of the app: no route without a classification, and none that reads past the scope."""

import re

import pytest
from fastapi import APIRouter

from api.http.authorisation import (
    ClassifiedRoute,
    UnclassifiedRouteError,
    open_to_all,
    require_classified,
    requires,
    requires_key,
)
from api.http.dependencies import OpenDatabase
from api.http.scoped_data import FleetData, VehicleData
from api.main import create_app
from shared.access.role import Right
from tests.documents import ROOT, text_of


def with_route(endpoint, path="/api/new", **router):
    """Build the app with one more route."""
    app = create_app()
    added = APIRouter(**({"route_class": ClassifiedRoute} | router))
    added.add_api_route(path, endpoint)
    app.include_router(added)
    require_classified(app)


async def plain():
    return {}


def test_the_app_itself_is_classified():
    """Its build would fail otherwise."""
    require_classified(create_app())


def test_a_route_without_a_classification_fails_the_build():
    """A function that says nothing, in a router of ours."""
    with pytest.raises(UnclassifiedRouteError, match="/api/new: the function plain says neither"):
        with_route(plain)


def test_a_route_of_a_plain_router_fails_the_build():
    """A function that says something, in a router that does not look at it."""
    with pytest.raises(UnclassifiedRouteError, match="/api/new: no ClassifiedRoute"):
        with_route(requires_key(plain), route_class=APIRouter().route_class)


@pytest.mark.parametrize("add", ["get", "mount"])
def test_a_route_of_the_app_itself_fails_the_build(add):
    """Neither a route without a router nor a mounted app is forgotten."""
    app = create_app()
    if add == "get":
        app.get("/api/new")(plain)
    else:
        app.mount("/api/new", create_app())
    with pytest.raises(UnclassifiedRouteError, match="/api/new"):
        require_classified(app)


def test_a_route_without_scoped_data_fails_the_build():
    """A right alone is not enough: the data has to come through the scope, or there is none."""

    @requires(Right.READ)
    async def nothing():
        return {}

    @requires(Right.READ)
    async def all_of_it(database: OpenDatabase):
        return {}

    @requires(Right.READ)
    async def both(database: OpenDatabase, fleet: FleetData):
        return {}

    with pytest.raises(UnclassifiedRouteError, match="gets no scoped data"):
        with_route(nothing)
    for endpoint in (all_of_it, both):
        with pytest.raises(UnclassifiedRouteError, match="gets the whole database"):
            with_route(endpoint)


def test_a_route_that_names_a_vehicle_takes_its_data():
    """FleetData would leave the check of the VIN to the route."""

    @requires(Right.READ)
    async def of_fleet(vin: str, fleet: FleetData):
        return {}

    @requires(Right.READ)
    async def of_vehicle(vehicle: VehicleData):
        return {}

    with pytest.raises(UnclassifiedRouteError, match="names a vehicle"):
        with_route(of_fleet, "/api/new/{vin}")
    with_route(of_vehicle, "/api/new/{vin}")


def test_an_open_route_gets_no_data_of_vehicles():
    """An open one has no caller, and so no scope."""

    @open_to_all
    async def leak(fleet: FleetData):
        return {}

    with pytest.raises(UnclassifiedRouteError, match="open to all"):
        with_route(leak)


def test_routers_reach_the_database_through_the_scope_alone():
    """By the names in their source: `state.database` would go past the check of the build."""
    routers = sorted((ROOT / "api" / "routers").glob("*.py"))
    assert len(routers) > 10
    found = {
        path.name for path in routers if re.search(r"OpenDatabase|state\.database|_database\b", text_of(path))
    }
    assert found == {"health.py"}
