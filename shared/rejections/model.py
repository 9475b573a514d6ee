"""The table of rejections: messages and readings that were acknowledged and could not be stored."""

import base64
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from shared.access.scope import WHOLE_FLEET, Scope
from shared.storage import tables
from shared.wire.refusal import Reason, Rejection


def keep_rejections(connection: Connection, rejections: Sequence[Rejection]) -> None:
    """Insert the new rejections in the order of their key, in the caller's transaction."""
    if not rejections:
        return
    rows = [{**asdict(rejection), "id": rejection.id} for rejection in rejections]
    rows.sort(key=lambda row: (row["vin"], row["id"]))
    connection.execute(insert(tables.rejections).on_conflict_do_nothing(), rows)


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of rejections by all of its fields that are not None."""

    reason: Reason | None = None
    vin: str | None = None
    """In upper case."""
    since: datetime | None = None
    """Received at this time or later."""
    until: datetime | None = None
    """Received at this time or earlier."""


_PAGE_ROWS = 500
_COLUMN = tables.rejections.c
_LISTED = (
    *(column for column in _COLUMN if column is not _COLUMN.payload),
    func.octet_length(_COLUMN.payload).label("payload_bytes"),
)


def list_rejections(
    connection: Connection,
    filters: Filter,
    *,
    after: tuple[datetime, uuid.UUID] | None,
    descending: bool,
    limit: int,
    scope: Scope = WHOLE_FLEET,
) -> Sequence[RowMapping]:
    """Return up to `limit` rejections in the order of (received_at, id), from behind the key `after` on.

    Only those of vehicles in `scope`; one without a vehicle belongs to the whole fleet alone. Each row
    has `payload_bytes`, the size of the payload, in place of the payload.
    """
    query = select(*_LISTED).where(scope.clause(_COLUMN.vin)).limit(limit)
    if filters.reason is not None:
        query = query.where(_COLUMN.reason == filters.reason)
    if filters.vin is not None:
        query = query.where(_COLUMN.vin == filters.vin)
    if filters.since is not None:
        query = query.where(_COLUMN.received_at >= filters.since)
    if filters.until is not None:
        query = query.where(_COLUMN.received_at <= filters.until)
    key = (_COLUMN.received_at, _COLUMN.id)
    if after is not None:
        row = tuple_(*key)
        query = query.where(row < after if descending else row > after)
    query = query.order_by(*(part.desc() if descending else part.asc() for part in key))
    return connection.execute(query).mappings().all()


def find_rejection(
    connection: Connection, rejection_id: uuid.UUID, *, lock: bool = False, scope: Scope = WHOLE_FLEET
) -> RowMapping | None:
    """Return one rejection with its payload and `payload_bytes`; `lock` prevents its deletion by others.

    The id is a hash of the content. A message from which two versions of the code read different VINs is
    kept once for each VIN; then the later row is returned.
    """
    query = select(*_LISTED, _COLUMN.payload).where(_COLUMN.id == rejection_id, scope.clause(_COLUMN.vin))
    query = query.order_by(_COLUMN.received_at.desc())
    return connection.execute(query.with_for_update() if lock else query).mappings().first()


def delete_rejection(connection: Connection, rejection_id: uuid.UUID, *, scope: Scope = WHOLE_FLEET) -> bool:
    """Delete a rejection of a vehicle in `scope`; return whether there was one."""
    named = delete(tables.rejections).where(_COLUMN.id == rejection_id, scope.clause(_COLUMN.vin))
    return connection.execute(named).rowcount > 0


def every_rejection(engine: Engine, filters: Filter, *, descending: bool) -> Iterator[RowMapping]:
    """Yield all rejections that match, page by page; between two pages no transaction is open."""
    after = None
    while True:
        with engine.connect() as connection:
            page = list_rejections(connection, filters, after=after, descending=descending, limit=_PAGE_ROWS)
        yield from page
        if len(page) < _PAGE_ROWS:
            return
        after = (page[-1]["received_at"], page[-1]["id"])


def readable(row: RowMapping) -> dict[str, Any]:
    """Return a row by column name with its bytes as text; bytes of the topic that are not UTF-8 are escaped.

    A row's payload is in `payload`, or in `payload_base64` where it is not UTF-8; the other one is None.
    """
    shown: dict[str, Any] = dict(row)
    shown["topic"] = row["topic"].decode("utf-8", "backslashreplace")
    if (payload := shown.get("payload")) is not None:
        shown |= {"payload": None, "payload_base64": None}
        try:
            shown["payload"] = payload.decode("utf-8")
        except UnicodeDecodeError:
            shown["payload_base64"] = base64.b64encode(payload).decode()
    return shown
