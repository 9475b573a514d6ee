"""The last charge of each vehicle, from closed hours, and the facts for the end of a present one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from api.db.pool import Connection
from api.queries.charging import MIN_CHARGING_A
from shared.access.scope import Scope

# Of a drive, braking charges too, but the mean over an hour is a discharge.
_LAST = f"""
    SELECT latest.vin, (
        SELECT hour FROM closed_hours AS hours
        WHERE hours.vin = latest.vin AND hour >= date_trunc('hour', %(since)s::timestamptz)
            AND pack_current_n > 0
            AND pack_current_sum * coalesce(profile.current_sign, 1) <= -{MIN_CHARGING_A} * pack_current_n
        ORDER BY hour DESC LIMIT 1
    )
    FROM vehicle_latest AS latest LEFT JOIN vehicle_profiles AS profile USING (vin)
    WHERE {{}}
"""  # noqa: S608 - our own constant
_FACTS = "SELECT vin, capacity_ah, current_sign FROM vehicle_profiles WHERE vin = ANY(%s)"


async def last_charges(connection: Connection, scope: Scope, since: datetime) -> dict[str, datetime]:
    """Select the last hour since a moment in which each vehicle of a scope took in 2 A or more on average."""
    values = {"since": since, **scope.parameters()}
    cursor = await connection.execute(_LAST.format(scope.condition()), values, binary=True)
    return {vin: hour for vin, hour in await cursor.fetchall() if hour is not None}


async def charging_facts(
    connection: Connection, scope: Scope, vins: Sequence[str]
) -> dict[str, tuple[Any, ...]]:
    """Select nominal capacity (Ah) and sign of the current of these vehicles that have a profile."""
    cursor = await connection.execute(_FACTS, ([scope.key(vin) for vin in vins],), binary=True)
    return {vin: tuple(facts) for vin, *facts in await cursor.fetchall()}
