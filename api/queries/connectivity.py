"""The connectivity of vehicles at a moment: its state and the beginning of that state, in SQL.

All times but `ts` are by the server's clock. `offline` as the last status holds until a later reading is
received. From then on, as for a vehicle without a status, the age of the last sign of life decides: of the
newest reading, or of the status `online`, which a vehicle may announce before its first reading.

`since` is the beginning of the state. For online it is known only where the vehicle has announced `online`;
gaps since then are ignored. A vehicle that announces `offline` when it had taken no reading for
`offline_after` has been offline since the end of that time, also where its readings were delivered late: the
newest reading's own time decides there.
"""

from datetime import datetime
from typing import Any

from api.db.pool import Connection
from api.queries.right_clocks import VEHICLE_STATES
from shared.wire.connectivity import Limits

FROM_VEHICLES = f"{VEHICLE_STATES} AS latest LEFT JOIN vehicle_status AS reported USING (vin)"

# Each of `latest` and `reported` may be missing, not both; greatest and least skip nulls.
_IS_OFFLINE = (
    "reported.status = 'offline' AND (reported.received_at < latest.received_at) IS DISTINCT FROM true"
)
_LAST_SIGN = (
    "greatest(latest.received_at, CASE WHEN reported.status = 'online' THEN reported.received_at END)"
)
STATE_SQL = f"""
    CASE WHEN {_IS_OFFLINE} THEN 'offline'
        WHEN {_LAST_SIGN} > %(now)s - %(stale_after)s THEN 'online'
        WHEN {_LAST_SIGN} > %(now)s - %(offline_after)s THEN 'stale'
        ELSE 'offline' END
"""
"""State of a vehicle, an expression over FROM_VEHICLES with the parameters of `parameters`."""

SINCE_SQL = f"""
    CASE WHEN {_IS_OFFLINE}
            THEN least(reported.received_at, least(latest.received_at, latest.ts) + %(offline_after)s)
        WHEN {_LAST_SIGN} > %(now)s - %(stale_after)s
            THEN CASE WHEN reported.status = 'online' THEN reported.received_at END
        WHEN {_LAST_SIGN} > %(now)s - %(offline_after)s THEN {_LAST_SIGN} + %(stale_after)s
        ELSE {_LAST_SIGN} + %(offline_after)s END
"""
"""Beginning of that state, null where it is not known."""

CONNECTIVITY_COLUMNS = f"latest.received_at, {STATE_SQL}, {SINCE_SQL}"
"""Arrival of the newest reading, state, beginning of the state."""

_QUERY = f"""
    SELECT {STATE_SQL}, {SINCE_SQL}, latest.received_at, reported.status, reported.received_at
    FROM (SELECT ts, received_at FROM vehicle_latest WHERE vin = %(vin)s) AS latest
    FULL JOIN (SELECT status, received_at FROM vehicle_status WHERE vin = %(vin)s) AS reported ON true
"""  # noqa: S608 - our own columns


def parameters(now: datetime, limits: Limits) -> dict[str, Any]:
    """Return the query parameters of STATE_SQL and SINCE_SQL."""
    return {"now": now, "stale_after": limits.stale_after, "offline_after": limits.offline_after}


async def connectivity_row(
    connection: Connection, vin: str, *, now: datetime, limits: Limits
) -> tuple[Any, ...] | None:
    """Select state, its beginning, arrival of the newest reading, status, arrival of that status.

    None where the vehicle has sent neither a reading nor a status.
    """
    values = {"vin": vin, **parameters(now, limits)}
    return await (await connection.execute(_QUERY, values, binary=True)).fetchone()
