"""Vehicles whose newest reading may have an alert."""

from collections.abc import Sequence
from typing import Any

from api.db.pool import Connection
from api.queries.vehicle_states import LATEST
from shared.alert_thresholds import AlertThresholds
from shared.diagnostics.alerts import any_alert_sql, mildest_limits

_SUSPECTS = f"SELECT {LATEST} FROM vehicle_latest WHERE {any_alert_sql()}"  # noqa: S608 - our own columns


async def suspects(connection: Connection, thresholds: AlertThresholds) -> Sequence[tuple[Any, ...]]:
    """Select LATEST of each vehicle that may have an alert, in a scan of the whole fleet."""
    return await (await connection.execute(_SUSPECTS, mildest_limits(thresholds), binary=True)).fetchall()
