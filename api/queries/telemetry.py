"""Questions about the readings of one vehicle, answered from `telemetry` by its key (vin, ts)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.tables import telemetry, vehicle_latest


async def summary(
    connection: AsyncConnection, vin: str, from_ts: datetime, to_ts: datetime
) -> RowMapping | None:
    """Count and extremes of a window, both ends included; None for a vehicle that was never seen."""
    column = telemetry.c
    rows = await connection.execute(
        select(
            exists().where(vehicle_latest.c.vin == vin).label("known"),
            func.count().label("samples"),
            func.min(column.soc).label("soc_min"),
            func.max(column.soc).label("soc_max"),
            func.max(column.max_temp).label("temp_max"),
            func.min(column.min_temp).label("temp_min"),
        ).where(column.vin == vin, column.ts.between(from_ts, to_ts))
    )
    found = rows.mappings().one()
    return found if found["known"] else None


async def history(
    connection: AsyncConnection,
    vin: str,
    *,
    from_ts: datetime | None,
    to_ts: datetime | None,
    after: datetime | None,
    descending: bool,
    limit: int,
) -> Sequence[RowMapping]:
    """Up to `limit` readings in the order of their ts, behind the ts `after` in that order."""
    column = telemetry.c
    wanted = select(telemetry).where(column.vin == vin).limit(limit)
    if from_ts is not None:
        wanted = wanted.where(column.ts >= from_ts)
    if to_ts is not None:
        wanted = wanted.where(column.ts <= to_ts)
    if after is not None:
        wanted = wanted.where(column.ts < after if descending else column.ts > after)
    wanted = wanted.order_by(column.ts.desc() if descending else column.ts.asc())
    return (await connection.execute(wanted)).mappings().all()
