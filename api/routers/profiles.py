"""What a person tells us of a vehicle beyond its readings."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError

from api.database import OpenDatabase
from api.errors import problem_responses
from api.json_body import all_refused, parsed, refused, require_json
from api.queries import vehicles
from api.queries.profiles import keep_profile
from api.queries.profiles import profile as kept
from api.vin import Vin, normal_vin, unknown_vin
from shared.diagnostics.profile import Profile
from shared.strict_json import AmbiguousObject
from shared.timestamps import WIDEST_OFFSET

router = APIRouter(prefix="/api/vehicles", tags=["vehicles"])

_EXAMPLE = {"series_cells": 96, "chemistry": "NMC", "capacity_ah": 60, "energy_kwh": 21.6}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Any of the fields; what is left out is not known.",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Profile"},
                "example": _EXAMPLE,
            }
        },
    }
}


@router.put("/{vin}/profile", responses=problem_responses(401, 404, 413, 415, 422, 503), openapi_extra=_BODY)
async def put_profile(vin: Vin, request: Request, database: OpenDatabase) -> Profile:
    """Keep this profile in place of the one before; also for a vehicle that has sent nothing yet."""
    vin = normal_vin(vin)
    require_json(request)
    profile = _read(await request.body())
    await database.write(keep_profile, vin, profile)
    return profile


@router.get("/{vin}/profile", responses=problem_responses(401, 404, 503))
async def get_profile(vin: Vin, database: OpenDatabase) -> Profile:
    """What was told of the vehicle; of one that only sends readings, nothing is known."""
    vin = normal_vin(vin)
    profile = await database.read(kept, vin)
    if profile is None and not await database.read(vehicles.is_known, vin):
        raise unknown_vin()
    return profile or Profile()


def _read(body: bytes) -> Profile:
    content = parsed(body)
    if isinstance(content, AmbiguousObject):
        raise refused((), "must not name a key twice", "ambiguous_object")
    if not isinstance(content, dict):
        raise refused((), "must be a JSON object", "dict_type")
    try:
        profile = Profile.model_validate(content)
    except ValidationError as invalid:
        raise all_refused(invalid) from None
    # Not by the model, which also reads what is stored. Where it is tomorrow already, today is meant.
    today = (datetime.now(UTC) + WIDEST_OFFSET).date()
    if profile.first_use_date is not None and profile.first_use_date > today:
        raise refused(("first_use_date",), "must not lie in the future", "date_future")
    return profile
