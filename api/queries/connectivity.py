"""Who is online, in SQL: the rule of `shared/wire/connectivity.py`, so that filters leave full pages."""

from datetime import datetime
from typing import Any

from api.db.pool import Connection
from shared.wire.connectivity import Limits

VEHICLES = "vehicle_latest AS latest LEFT JOIN vehicle_status AS told USING (vin)"

SIGNS = "latest.received_at, told.status, told.received_at"
"""Of VEHICLES: what the rule needs, in the order in which it takes them."""

_ALIVE = "greatest(latest.received_at, CASE WHEN told.status = 'online' THEN told.received_at END)"
STATE = f"""
    CASE WHEN told.status = 'offline' AND told.received_at >= latest.received_at THEN 'offline'
        WHEN {_ALIVE} > %(stale_from)s THEN 'online'
        WHEN {_ALIVE} > %(offline_from)s THEN 'stale'
        ELSE 'offline' END
"""
"""Of VEHICLES, with `silence()` among the values."""

_OF_ONE = f"""
    SELECT latest.ts, {SIGNS} FROM (SELECT ts, received_at FROM vehicle_latest WHERE vin = %(vin)s) AS latest
    FULL JOIN (SELECT status, received_at FROM vehicle_status WHERE vin = %(vin)s) AS told ON true
"""  # noqa: S608 - our own columns


def silence(now: datetime, limits: Limits) -> dict[str, datetime]:
    """What STATE is asked with: whoever was heard of by then and not since is stale, or offline."""
    return {"stale_from": now - limits.stale_after, "offline_from": now - limits.offline_after}


async def signs_of_life(connection: Connection, vin: str) -> tuple[Any, ...] | None:
    """The newest ts and SIGNS of one vehicle; None where it has sent neither a reading nor a status."""
    return await (await connection.execute(_OF_ONE, {"vin": vin}, binary=True)).fetchone()
