"""Replay of a rejection with the current code and settings: after a fix, or once a future `ts` is valid.

All or nothing, as with POST: where any reading of a rejection is still refused, the rejection stays and none
of its readings is stored. So each reading is either in `telemetry` or in `rejections`, never in both.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg
from sqlalchemy import Connection, Engine, RowMapping
from sqlalchemy.exc import DBAPIError

from shared.access.scope import WHOLE_FLEET, Scope
from shared.rejections.model import delete_rejection, find_rejection
from shared.sources.decode import decode_mapped
from shared.sources.sources import Sources, TopicMatch
from shared.sources.sparkplug_decoder import SparkplugDecoder
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.error_classes import Fault, classify, summarise
from shared.storage.sparkplug_births import load_birth
from shared.storage.store_readings import Outcome, store
from shared.storage.store_statuses import keep_statuses
from shared.wire.decoder import Decoded, decode
from shared.wire.reading import Row
from shared.wire.refusal import CONFLICT_DETAIL, Reason
from shared.wire.sparkplug_birth import Birth


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why one reading of a rejection, or all of it (index None), is refused again."""

    index: int | None
    reason: Reason
    detail: str


class ReplayRefusedError(Exception):
    """A replay was refused: no reading was stored, and the rejection stays. The message gives the reason."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = refusals
        first = refusals[0]
        where = "" if first.index is None else f"reading {first.index}: "
        more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
        super().__init__(f"Still refused ({first.reason}): {where}{first.detail}{more}. The rejection stays.")

    @property
    def is_conflict(self) -> bool:
        """True where the only obstacle is other values that are stored."""
        return all(refusal.reason is Reason.CONFLICT for refusal in self.refusals)


class Replayed(NamedTuple):
    """The outcome of a rejection's readings; the rejection is deleted."""

    stored: int
    duplicate: int
    """Readings whose values were all stored before."""


def birth_node(kept: RowMapping, sources: Sources | None) -> str | None:
    """Return the Sparkplug node whose birth is needed to decode a rejection again; None without one."""
    match = None if sources is None else sources.match(kept["topic"])
    return None if match is None or match.sparkplug is None else match.sparkplug.node


def decode_again(
    kept: RowMapping, *, latest: datetime, sources: Sources | None = None, birth: Birth | None = None
) -> Decoded:
    """Decode the payload of a rejection again; a `ts` after `latest` is refused. No I/O.

    `sources` are those of the mapping file of today, `birth` is that of `birth_node`; a value without a time
    gets that of its arrival. Raises ReplayRefusedError.
    """
    is_element = kept["index"] is not None
    match = None if sources is None else sources.match(kept["topic"])
    if match is not None and match.sparkplug is not None:
        decoder = SparkplugDecoder(lambda _node: birth, lambda _edge: (), time.monotonic)
        found = decoder.decode(
            match, kept["topic"], kept["payload"], received_at=kept["received_at"], latest=latest
        )
        return _accepted(Decoded(found.rows, found.rejections), is_element=False)
    if match is not None:
        return _accepted(
            _decode_mapped(kept, match, latest=latest, is_element=is_element), is_element=is_element
        )
    # Wrapped in an array again: alone, an element that is itself an array would be decoded as many readings.
    payload = b"[" + kept["payload"] + b"]" if is_element else kept["payload"]
    decoded = decode(kept["topic"], payload, received_at=kept["received_at"], latest=latest)
    return _accepted(decoded, is_element=is_element)


def _decode_mapped(kept: RowMapping, match: TopicMatch, *, latest: datetime, is_element: bool) -> Decoded:
    received_at = kept["received_at"]
    mapped = decode_mapped(
        match,
        kept["topic"],
        kept["payload"],
        received_at=received_at,
        latest=latest,
        is_element=is_element,
    )
    rows = [Row(values.vin, received_at, received_at, *values.signals) for values in mapped.values]
    indexes = None if is_element else mapped.indexes
    return Decoded([*mapped.rows, *rows], mapped.rejections, indexes, None, mapped.status)


def _accepted(decoded: Decoded, *, is_element: bool) -> Decoded:
    if decoded.rejections:
        raise ReplayRefusedError(
            [
                Refusal(None if is_element else rejection.index, rejection.reason, rejection.detail)
                for rejection in decoded.rejections
            ]
        )
    return decoded._replace(indexes=None) if is_element else decoded


def store_again(
    connection: Connection, rejection_id: uuid.UUID, decoded: Decoded, *, scope: Scope = WHOLE_FLEET
) -> Replayed | None:
    """Store the result of `decode_again` and delete the rejection, in the caller's transaction.

    Returns None, and stores no reading, where the rejection no longer exists in `scope`. Raises
    ReplayRefusedError, after which the caller has to roll back, and the database's errors where no reading is
    at fault.
    """
    if find_rejection(connection, rejection_id, lock=True, scope=scope) is None:
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
    # Last: a worker that receives the same message again waits for the deleted row, while this transaction
    # may wait for that worker's readings. Deleted first, the row could cause a deadlock.
    delete_rejection(connection, rejection_id, scope=scope)
    return Replayed(outcome.stored, len(outcome.duplicates))


def _store(connection: Connection, rows: Sequence[Row]) -> Outcome:
    try:
        return store(connection, rows, CopyBackoff())
    except (DBAPIError, psycopg.Error, UnicodeEncodeError) as error:
        if classify(error) is not Fault.POISON:
            raise
        raise ReplayRefusedError([Refusal(None, Reason.REFUSED_BY_DATABASE, summarise(error))]) from None


def replay(
    engine: Engine, rejection_id: uuid.UUID, *, latest: datetime, sources: Sources | None = None
) -> Replayed | None:
    """Find, decode and store a rejection; a blocking call.

    Returns None where there is no such rejection. Raises the errors of `decode_again` and `store_again`.
    """
    with engine.connect() as connection:
        kept = find_rejection(connection, rejection_id)
    if kept is None:
        return None
    node = birth_node(kept, sources)
    with engine.connect() as connection:
        birth = None if node is None else load_birth(connection, node)
    decoded = decode_again(kept, latest=latest, sources=sources, birth=birth)
    with engine.begin() as connection:
        return store_again(connection, rejection_id, decoded)
