"""A rejection tried again, with the code and the settings of today: after a fix, or once its time has come.

All or nothing, as with POST: a rejection of which any part is still refused stays as it is, and none of it
is stored. So each reading is in one place, the table or the rejections, and never in both.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg
from sqlalchemy import Connection, Engine, RowMapping
from sqlalchemy.exc import DBAPIError

from shared.rejections.model import delete_rejection, find_rejection
from shared.storage.error_classes import Fault, classify, summarise
from shared.storage.store_readings import CopyBackoff, Outcome, store
from shared.storage.store_statuses import keep_statuses
from shared.wire.decoder import Decoded, decode
from shared.wire.reading import Row
from shared.wire.refusal import CONFLICT_DETAIL, Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one reading of a rejection, or all of it (index None), can't be stored now either."""

    index: int | None
    reason: Reason
    detail: str


class ReplayRefusedError(Exception):
    """A replay failed again: nothing was stored, and the rejection stays. The message says why."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = refusals
        first = refusals[0]
        where = "" if first.index is None else f"reading {first.index}: "
        more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
        super().__init__(f"Still refused ({first.reason}): {where}{first.detail}{more}. The rejection stays.")

    @property
    def is_conflict(self) -> bool:
        """Whether only readings that were stored before stand in the way."""
        return all(refusal.reason is Reason.CONFLICT for refusal in self.refusals)


class Replayed(NamedTuple):
    """What became of the readings of a rejection, which is gone."""

    stored: int
    duplicate: int
    """Readings that were stored already, with the same values."""


def decode_again(kept: RowMapping, *, latest: datetime) -> Decoded:
    """The readings of a kept rejection; `latest` is the last moment a `ts` may name. No I/O.

    Raises ReplayRefusedError.
    """
    is_element = kept["index"] is not None
    # Put back into an array: read as a message, an element that is an array itself would be taken apart.
    payload = b"[" + kept["payload"] + b"]" if is_element else kept["payload"]
    decoded = decode(kept["topic"], payload, received_at=kept["received_at"], latest=latest)
    if decoded.rejections:
        raise ReplayRefusedError(
            [
                Refusal(None if is_element else rejection.index, rejection.reason, rejection.detail)
                for rejection in decoded.rejections
            ]
        )
    return decoded._replace(indexes=None) if is_element else decoded


def store_again(connection: Connection, rejection_id: uuid.UUID, decoded: Decoded) -> Replayed | None:
    """Store what `decode_again` found and delete the rejection, in the caller's transaction.

    None: there is no such rejection any more, and nothing was stored. Raises ReplayRefusedError, which has
    to end the transaction, and what the database raises where no reading is at fault.
    """
    if find_rejection(connection, rejection_id, lock=True) is None:
        return None
    outcome = _store(connection, decoded.rows)
    if outcome.conflicts:
        indexes = decoded.indexes
        raise ReplayRefusedError(
            [
                Refusal(None if indexes is None else indexes[at], Reason.CONFLICT, CONFLICT_DETAIL)
                for at in outcome.conflicts
            ]
        )
    if decoded.status is not None:
        keep_statuses(connection, [decoded.status])
    # Last: a worker that receives the same message again waits for a row that is being deleted, and this
    # transaction may wait for that worker's readings.
    delete_rejection(connection, rejection_id)
    return Replayed(outcome.stored, len(outcome.duplicates))


def _store(connection: Connection, rows: Sequence[Row]) -> Outcome:
    try:
        return store(connection, rows, CopyBackoff())
    except (DBAPIError, psycopg.Error, UnicodeEncodeError) as error:
        if classify(error) is not Fault.POISON:
            raise
        raise ReplayRefusedError([Refusal(None, Reason.REFUSED_BY_DATABASE, summarise(error))]) from None


def replay(engine: Engine, rejection_id: uuid.UUID, *, latest: datetime) -> Replayed | None:
    """All of it, for a caller that may wait: found, decoded, stored in one transaction.

    None: there is no such rejection. Raises what the two steps raise.
    """
    with engine.connect() as connection:
        kept = find_rejection(connection, rejection_id)
    if kept is None:
        return None
    decoded = decode_again(kept, latest=latest)
    with engine.begin() as connection:
        return store_again(connection, rejection_id, decoded)
