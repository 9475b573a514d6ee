"""Entries of the audit, for admins."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from shared.access.audit_table import AuditFilter, list_entries
from shared.access.scope import Scope


def page(
    connection: Connection,
    scope: Scope,
    filters: AuditFilter,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Return a page of entries, the newest first; none but for a scope of the whole fleet."""
    return list_entries(connection, filters, after=after, limit=limit) if scope.is_whole_fleet else ()
