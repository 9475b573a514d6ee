"""Rejections of the vehicles of a scope; those that name no vehicle belong to the whole fleet alone."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, RowMapping

from shared.access.scope import Scope
from shared.rejections import replay
from shared.rejections.model import Filter, delete_rejection, find_rejection, list_rejections
from shared.rejections.replay import Replayed
from shared.storage.sparkplug_births import load_birth
from shared.wire.decoder import Decoded
from shared.wire.sparkplug_birth import Birth


def page(
    connection: Connection,
    scope: Scope,
    filters: Filter,
    *,
    after: tuple[datetime, UUID] | None,
    descending: bool,
    limit: int,
) -> Sequence[RowMapping]:
    """Return a page of rejections, as `list_rejections` does."""
    return list_rejections(connection, filters, after=after, descending=descending, limit=limit, scope=scope)


def find(connection: Connection, scope: Scope, rejection_id: UUID) -> RowMapping | None:
    """Return one rejection with its payload."""
    return find_rejection(connection, rejection_id, scope=scope)


def birth(connection: Connection, _scope: Scope, node: str) -> Birth | None:
    """Return the last birth of the device that a rejection is of: names of its metrics, and no value."""
    return load_birth(connection, node)


def store_again(
    connection: Connection, scope: Scope, rejection_id: UUID, decoded: Decoded
) -> Replayed | None:
    """Store what a rejection holds and delete it, as `replay.store_again` does."""
    return replay.store_again(connection, rejection_id, decoded, scope=scope)


def delete(connection: Connection, scope: Scope, rejection_id: UUID) -> bool:
    """Delete a rejection; return whether there was one."""
    return delete_rejection(connection, rejection_id, scope=scope)
