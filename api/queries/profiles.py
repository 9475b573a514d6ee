"""What a person told us of a vehicle."""

from sqlalchemy import Connection as BlockingConnection
from sqlalchemy.dialects.postgresql import insert

from api.db.pool import Connection
from shared.storage.tables import vehicle_profiles
from shared.vehicle_profile import Profile

_FIELDS = tuple(Profile.model_fields)
_ASKED = f"SELECT {', '.join(_FIELDS)} FROM vehicle_profiles WHERE vin = %s"  # noqa: S608 - our own columns


async def profile(connection: Connection, vin: str) -> Profile | None:
    """As it was kept; None where there is none."""
    row = await (await connection.execute(_ASKED, (vin,), binary=True)).fetchone()
    return None if row is None else Profile.model_validate(dict(zip(_FIELDS, row, strict=True)))


def keep_profile(connection: BlockingConnection, vin: str, profile: Profile) -> None:
    """In place of the one before; also of a vehicle that has sent nothing yet."""
    values = profile.model_dump()
    kept = insert(vehicle_profiles).values(vin=vin, **values)
    connection.execute(kept.on_conflict_do_update(index_elements=["vin"], set_=values))
