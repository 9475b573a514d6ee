"""What could not be stored, kept with its reason: nothing that was acknowledged disappears."""

import base64
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from shared.storage import tables
from shared.wire.refusal import Reason, Rejection


def keep_rejections(connection: Connection, rejections: Sequence[Rejection]) -> None:
    """Insert the rejections that are new, in key order; runs in the caller's transaction."""
    if not rejections:
        return
    rows = [{**asdict(rejection), "id": rejection.id} for rejection in rejections]
    rows.sort(key=lambda row: (row["vin"], row["id"]))
    connection.execute(insert(tables.rejections).on_conflict_do_nothing(), rows)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rejections are meant: those that match everything that is not None."""

    reason: Reason | None = None
    vin: str | None = None
    """In upper case."""
    since: datetime | None = None
    """Received then, or later."""
    until: datetime | None = None
    """Received then, or earlier."""


_PAGE_ROWS = 500
_COLUMN = tables.rejections.c
_LISTED = (
    *(column for column in _COLUMN if column is not _COLUMN.payload),
    func.octet_length(_COLUMN.payload).label("payload_bytes"),
)


def list_rejections(
    connection: Connection,
    wanted: Filter,
    *,
    after: tuple[datetime, uuid.UUID] | None,
    descending: bool,
    limit: int,
) -> Sequence[RowMapping]:
    """Up to `limit` rejections by (received_at, id), behind the key `after` in that order.

    Each with `payload_bytes`, its payload's size, in place of the payload.
    """
    query = select(*_LISTED).limit(limit)
    if wanted.reason is not None:
        query = query.where(_COLUMN.reason == wanted.reason)
    if wanted.vin is not None:
        query = query.where(_COLUMN.vin == wanted.vin)
    if wanted.since is not None:
        query = query.where(_COLUMN.received_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_COLUMN.received_at <= wanted.until)
    key = (_COLUMN.received_at, _COLUMN.id)
    if after is not None:
        row = tuple_(*key)
        query = query.where(row < after if descending else row > after)
    query = query.order_by(*(part.desc() if descending else part.asc() for part in key))
    return connection.execute(query).mappings().all()


def find_rejection(
    connection: Connection, rejection_id: uuid.UUID, *, lock: bool = False
) -> RowMapping | None:
    """One rejection with its payload and `payload_bytes`; with `lock`, nobody deletes it meanwhile.

    An id names the content. A message that two versions of the code read a different VIN from was kept
    under each; the later row stands for both.
    """
    query = select(*_LISTED, _COLUMN.payload).where(_COLUMN.id == rejection_id)
    query = query.order_by(_COLUMN.received_at.desc())
    return connection.execute(query.with_for_update() if lock else query).mappings().first()


def delete_rejection(connection: Connection, rejection_id: uuid.UUID) -> bool:
    """Delete a rejection for good; returns whether there was one."""
    return connection.execute(delete(tables.rejections).where(_COLUMN.id == rejection_id)).rowcount > 0


def every_rejection(engine: Engine, wanted: Filter, *, descending: bool) -> Iterator[RowMapping]:
    """All that are meant, read page by page: no transaction is open between two of them."""
    after = None
    while True:
        with engine.connect() as connection:
            page = list_rejections(connection, wanted, after=after, descending=descending, limit=_PAGE_ROWS)
        yield from page
        if len(page) < _PAGE_ROWS:
            return
        after = (page[-1]["received_at"], page[-1]["id"])


def readable(row: RowMapping) -> dict[str, Any]:
    """A row by name with its bytes as text; in the topic, bytes that are not UTF-8 are written out in hex.

    The payload, if the row holds one, is in `payload`, or in `payload_base64` where it is not UTF-8; the
    other one is None.
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
