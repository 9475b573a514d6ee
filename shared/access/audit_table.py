"""The audit: changes by people and keys, and refused calls."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, text, tuple_

from shared.storage.access_tables import audit

_COLUMN = audit.c
_DELETED_AT_ONCE = 10_000


class Outcome(StrEnum):
    """Outcome of an audited event."""

    DONE = "done"
    UNAUTHENTICATED = "unauthenticated"
    """401: no key, or none that is in force."""
    FORBIDDEN = "forbidden"
    """403: the key's role, or one of the vehicles sent."""
    LIMITED = "limited"
    """429: too many calls, or too many unknown keys."""
    OUTSIDE = "outside"
    """404: a vehicle that the key does not reach; answered as an unknown one."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One event, or several equal ones within a second. It never holds a key or a payload."""

    at: datetime
    key_name: str | None
    address: str | None
    call: str
    vin: str | None
    outcome: Outcome
    times: int = 1
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """A filter by all fields that are not None."""

    key_name: str | None = None
    vin: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None


def add_entries(connection: Connection, entries: Sequence[AuditEntry]) -> bool:
    """Insert entries, in the caller's transaction."""
    if entries:
        connection.execute(insert(audit), [asdict(entry) for entry in entries])
    return bool(entries)


def list_entries(
    connection: Connection, filters: AuditFilter, *, after: tuple[datetime, int] | None, limit: int
) -> Sequence[RowMapping]:
    """Return up to `limit` entries, the newest first, from behind the key `after` (at, id) on."""
    query = select(audit).limit(limit)
    if filters.key_name is not None:
        query = query.where(_COLUMN.key_name == filters.key_name)
    if filters.vin is not None:
        query = query.where(_COLUMN.vin == filters.vin)
    if filters.outcome is not None:
        query = query.where(_COLUMN.outcome == filters.outcome.value)
    if filters.since is not None:
        query = query.where(_COLUMN.at >= filters.since)
    key = tuple_(_COLUMN.at, _COLUMN.id)
    if after is not None:
        query = query.where(key < after)
    query = query.order_by(_COLUMN.at.desc(), _COLUMN.id.desc())
    return connection.execute(query).mappings().all()


def delete_old(connection: Connection, keep_days: int) -> int:
    """Delete the oldest entries past `keep_days`, at most 10,000; returns their number."""
    age = text("make_interval(days => :days)").bindparams(days=keep_days)
    old = select(_COLUMN.id).where(_COLUMN.at < func.now() - age).order_by(_COLUMN.at).limit(_DELETED_AT_ONCE)
    return connection.execute(delete(audit).where(_COLUMN.id.in_(old))).rowcount
