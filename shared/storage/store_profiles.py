"""Profiles of vehicles in the database."""

from collections.abc import Mapping

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from shared.storage.tables import vehicle_profiles
from shared.vehicle_profile import Profile

_AT_ONCE = 1_000


def store_profiles(connection: Connection, profiles: Mapping[str, Profile]) -> None:
    """Store profiles by VIN in place of the previous ones, also for vehicles without readings."""
    rows = [{"vin": vin, **profile.model_dump()} for vin, profile in sorted(profiles.items())]
    statement = insert(vehicle_profiles)
    values = {name: statement.excluded[name] for name in Profile.model_fields}
    statement = statement.on_conflict_do_update(index_elements=["vin"], set_=values)
    for begin in range(0, len(rows), _AT_ONCE):
        connection.execute(statement, rows[begin : begin + _AT_ONCE])


def stored_profiles(connection: Connection) -> dict[str, Profile]:
    """Return all profiles by VIN, in order of the VIN."""
    rows = connection.execute(select(vehicle_profiles).order_by(vehicle_profiles.c.vin)).mappings()
    fields = tuple(Profile.model_fields)
    return {row["vin"]: Profile.model_validate({name: row[name] for name in fields}) for row in rows}


def store_profile(connection: Connection, vin: str, profile: Profile) -> bool:
    """Store one profile as `store_profiles` does; returns True."""
    store_profiles(connection, {vin: profile})
    return True
