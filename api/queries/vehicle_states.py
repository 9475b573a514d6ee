"""Queries on `vehicle_latest`, whose cost does not grow with the history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from api.db.pool import Connection
from api.queries.charging import CHARGING_SQL, FROM_VEHICLES_AND_PROFILES
from api.queries.connectivity import CONNECTIVITY_COLUMNS, FROM_VEHICLES, STATE_SQL, parameters
from shared.access.scope import Scope
from shared.storage.latest_signals import VALUE_TS
from shared.wire.connectivity import Limits, State
from shared.wire.reading import SIGNALS

READING = ", ".join(("vin", "ts", *SIGNALS))
"""Columns of a reading, in the order in which queries select them."""

LATEST = f"{READING}, {', '.join(VALUE_TS)}"
"""Columns of the newest values: READING, then the ts of each value that is older than `ts`, else null."""

_LATEST = f"SELECT {LATEST} FROM vehicle_latest WHERE vin = ANY(%s)"  # noqa: S608 - our own columns


async def latest(connection: Connection, vins: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Select LATEST of each of these vehicles that has sent a reading."""
    cursor = await connection.execute(_LATEST, (vins,), binary=True)
    return {row[0]: row for row in await cursor.fetchall()}


_STATE = f"""
    SELECT {CHARGING_SQL}, {LATEST}, {CONNECTIVITY_COLUMNS}
    FROM {FROM_VEHICLES_AND_PROFILES} WHERE vin = %(vin)s
"""  # noqa: S608 - our own columns


async def state(connection: Connection, vin: str, *, now: datetime, limits: Limits) -> tuple[Any, ...] | None:
    """Select "charging", LATEST and CONNECTIVITY_COLUMNS of a vehicle; None without a reading."""
    values = {"vin": vin, **parameters(now, limits)}
    return await (await connection.execute(_STATE, values, binary=True)).fetchone()


async def is_known(connection: Connection, vin: str) -> bool:
    """Return whether a reading of this vehicle is stored."""
    cursor = await connection.execute("SELECT EXISTS (SELECT FROM vehicle_latest WHERE vin = %s)", (vin,))
    found = await cursor.fetchone()
    return bool(found and found[0])


async def page(
    connection: Connection,
    scope: Scope,
    *,
    after: str,
    limit: int,
    vin_prefix: str | None,
    soc_below: float | None,
    seen_since: datetime | None,
    connectivity: State | None,
    now: datetime,
    limits: Limits,
) -> Sequence[tuple[Any, ...]]:
    """Select LATEST and CONNECTIVITY_COLUMNS of up to `limit` vehicles of a scope by VIN, behind `after`."""
    conditions = ["vin > %(after)s", scope.condition()]
    if vin_prefix is not None:
        # `~` comes after every character of a VIN: a range of the key's index, unlike LIKE.
        conditions.append("vin >= %(prefix)s AND vin < %(prefix)s || '~'")
    if soc_below is not None:
        conditions.append("soc < %(soc_below)s")
    if seen_since is not None:
        conditions.append("ts >= %(seen_since)s")
    if connectivity is not None:
        conditions.append(f"{STATE_SQL} = %(connectivity)s")
    query = f"""
        SELECT {LATEST}, {CONNECTIVITY_COLUMNS} FROM {FROM_VEHICLES}
        WHERE {" AND ".join(conditions)} ORDER BY vin LIMIT %(limit)s
    """  # noqa: S608 - of fixed parts
    values = {
        "after": after,
        "prefix": vin_prefix,
        "soc_below": soc_below,
        "seen_since": seen_since,
        "connectivity": connectivity,
        **parameters(now, limits),
        **scope.parameters(),
        "limit": limit,
    }
    return await (await connection.execute(query, values, binary=True)).fetchall()
