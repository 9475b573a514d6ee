"""Questions about vehicles, answered from `vehicle_latest`: their cost does not grow with the history."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.tables import vehicle_latest


async def latest(connection: AsyncConnection, vin: str) -> RowMapping | None:
    """The reading with the newest ts of one vehicle."""
    rows = await connection.execute(select(vehicle_latest).where(vehicle_latest.c.vin == vin))
    return rows.mappings().one_or_none()


async def page(
    connection: AsyncConnection,
    *,
    after: str,
    limit: int,
    vin_prefix: str | None,
    soc_below: float | None,
    seen_since: datetime | None,
) -> Sequence[RowMapping]:
    """Up to `limit` vehicles in the order of their VINs, behind the VIN `after`."""
    column = vehicle_latest.c
    wanted = select(vehicle_latest).where(column.vin > after).order_by(column.vin).limit(limit)
    if vin_prefix is not None:
        # `~` comes after every character of a VIN: a range of the key's index, unlike LIKE.
        wanted = wanted.where(column.vin >= vin_prefix, column.vin < vin_prefix + "~")
    if soc_below is not None:
        wanted = wanted.where(column.soc < soc_below)
    if seen_since is not None:
        wanted = wanted.where(column.ts >= seen_since)
    return (await connection.execute(wanted)).mappings().all()
