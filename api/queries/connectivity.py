"""Connectivity of vehicles in SQL: the rule of `shared/wire/connectivity.py`, for filters of full pages."""

from datetime import datetime
from typing import Any

from api.db.pool import Connection
from shared.wire.connectivity import Limits

FROM_VEHICLES = "vehicle_latest AS latest LEFT JOIN vehicle_status AS reported USING (vin)"

CONNECTIVITY_COLUMNS = "latest.received_at, reported.status, reported.received_at"
"""Columns of FROM_VEHICLES that the rule needs, in the order of its parameters."""

_LAST_SIGN = (
    "greatest(latest.received_at, CASE WHEN reported.status = 'online' THEN reported.received_at END)"
)
STATE_SQL = f"""
    CASE WHEN reported.status = 'offline' AND reported.received_at >= latest.received_at THEN 'offline'
        WHEN {_LAST_SIGN} > %(stale_from)s THEN 'online'
        WHEN {_LAST_SIGN} > %(offline_from)s THEN 'stale'
        ELSE 'offline' END
"""
"""State of a vehicle, an expression over FROM_VEHICLES with the parameters of `cutoff_times`."""

_QUERY = f"""
    SELECT latest.ts, {CONNECTIVITY_COLUMNS}
    FROM (SELECT ts, received_at FROM vehicle_latest WHERE vin = %(vin)s) AS latest
    FULL JOIN (SELECT status, received_at FROM vehicle_status WHERE vin = %(vin)s) AS reported ON true
"""  # noqa: S608 - our own columns


def cutoff_times(now: datetime, limits: Limits) -> dict[str, datetime]:
    """Return the query parameters of STATE_SQL: the cut-off times for stale and offline."""
    return {"stale_from": now - limits.stale_after, "offline_from": now - limits.offline_after}


async def connectivity_row(connection: Connection, vin: str) -> tuple[Any, ...] | None:
    """Select ts and CONNECTIVITY_COLUMNS of a vehicle; None where it sent neither reading nor status."""
    return await (await connection.execute(_QUERY, {"vin": vin}, binary=True)).fetchone()
