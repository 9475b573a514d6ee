"""Questions about rejections. The statements are shared with the command line; here they are awaited."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.rejections import Filter, find_rejection, list_rejections


async def page(
    connection: AsyncConnection,
    wanted: Filter,
    *,
    after: tuple[datetime, UUID] | None,
    descending: bool,
    limit: int,
) -> Sequence[RowMapping]:
    """Up to `limit` rejections by (received_at, id), behind the key `after` in that order."""
    return await connection.run_sync(list_rejections, wanted, after=after, descending=descending, limit=limit)


async def find(connection: AsyncConnection, rejection_id: UUID) -> RowMapping | None:
    """One rejection with its payload."""
    return await connection.run_sync(find_rejection, rejection_id)
