"""Profiles of vehicles, which people enter."""

from sqlalchemy import Connection as BlockingConnection
from sqlalchemy.dialects.postgresql import insert

from api.db.pool import Connection
from shared.storage.tables import vehicle_profiles
from shared.vehicle_profile import Profile

_FIELDS = tuple(Profile.model_fields)
_QUERY = f"SELECT {', '.join(_FIELDS)} FROM vehicle_profiles WHERE vin = %s"  # noqa: S608 - our own columns


async def profile(connection: Connection, vin: str) -> Profile | None:
    """Select the profile of a vehicle; None where there is none."""
    row = await (await connection.execute(_QUERY, (vin,), binary=True)).fetchone()
    return None if row is None else Profile.model_validate(dict(zip(_FIELDS, row, strict=True)))


def store_profile(connection: BlockingConnection, vin: str, profile: Profile) -> bool:
    """Store a profile in place of the previous one, also for a vehicle without readings; returns True."""
    values = profile.model_dump()
    statement = insert(vehicle_profiles).values(vin=vin, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["vin"], set_=values))
    return True
