"""The vehicles whose newest reading has an alert."""

from collections.abc import Sequence
from typing import Any

from api.db.pool import Connection
from api.queries.vehicle_states import READING
from shared.alert_thresholds import AlertThresholds
from shared.diagnostics.alerts import any_alert_sql, mildest_limits

_SUSPECTS = f"SELECT {READING} FROM vehicle_latest WHERE {any_alert_sql()}"  # noqa: S608 - our own columns


async def suspects(connection: Connection, at: AlertThresholds) -> Sequence[tuple[Any, ...]]:
    """Select the newest reading of each vehicle that may have an alert. The whole fleet is scanned."""
    return await (await connection.execute(_SUSPECTS, mildest_limits(at), binary=True)).fetchall()
