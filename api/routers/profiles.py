"""Profiles of vehicles: facts that people enter, beyond the readings."""

from typing import Any

from fastapi import APIRouter, Request

from api.http.authorisation import ClassifiedRoute, requires
from api.http.json_body import body_error, parse_model, require_json
from api.http.problems import ProblemError, problem_responses
from api.http.scoped_data import VehicleData
from api.http.vin_path import unknown_vin
from api.queries import vehicle_states
from api.queries.vehicle_profiles import profile as select_profile
from shared.access.role import Right
from shared.storage.store_profiles import store_profile
from shared.vehicle_profile import Profile, latest_use

router = APIRouter(prefix="/api/vehicles", tags=["vehicles"], route_class=ClassifiedRoute)

_GROUP_IS_ACCESS = (
    "A vehicle's group decides which keys reach it: changing it needs a key with the role admin. Send the"
    " group as it is."
)
_EXAMPLE = {"series_cells": 96, "chemistry": "NMC", "capacity_ah": 60, "energy_kwh": 21.6}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Any of the fields; a field that is left out is not known.",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Profile"},
                "example": _EXAMPLE,
            }
        },
    }
}


@router.put("/{vin}/profile", responses=problem_responses(401, 404, 413, 415, 422, 503), openapi_extra=_BODY)
@requires(Right.OPERATE)
async def put_profile(vehicle: VehicleData, request: Request) -> Profile:
    """Store this profile in place of the previous one; also for a vehicle that has sent nothing yet."""
    vehicle.require_in_scope()
    require_json(request)
    profile = _parse(await request.body())
    before = await vehicle.read(select_profile) or Profile()
    if profile.group != before.group and not vehicle.caller.may(Right.ADMINISTER):
        raise ProblemError(403, _GROUP_IS_ACCESS)
    await vehicle.change(vehicle.vin, store_profile, profile)
    return profile


@router.get("/{vin}/profile", responses=problem_responses(401, 404, 503))
@requires(Right.READ)
async def get_profile(vehicle: VehicleData) -> Profile:
    """Return the vehicle's profile; all fields are null for a vehicle that only sends readings."""
    profile = await vehicle.read(select_profile)
    if profile is None and not await vehicle.read(vehicle_states.is_known):
        raise unknown_vin()
    return profile or Profile()


def _parse(body: bytes) -> Profile:
    profile = parse_model(body, Profile)
    # Checked here and not by the model, which also reads stored profiles.
    if profile.first_use_date is not None and profile.first_use_date > latest_use():
        raise body_error(("first_use_date",), "must not lie in the future", "date_future")
    return profile
