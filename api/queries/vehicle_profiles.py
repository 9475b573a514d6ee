"""Profiles of vehicles, which people enter."""

from api.db.pool import Connection
from shared.vehicle_profile import Profile

_FIELDS = tuple(Profile.model_fields)
_LISTED = ", ".join(f'"{name}"' for name in _FIELDS)
_QUERY = f"SELECT {_LISTED} FROM vehicle_profiles WHERE vin = %s"  # noqa: S608 - our own columns


async def profile(connection: Connection, vin: str) -> Profile | None:
    """Select the profile of a vehicle; None where there is none."""
    row = await (await connection.execute(_QUERY, (vin,), binary=True)).fetchone()
    return None if row is None else Profile.model_validate(dict(zip(_FIELDS, row, strict=True)))
