"""What one batch writes, in the caller's transaction: readings, latest, statuses, rejections."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ingest_worker.batch import BatchContents
from shared.rejections.model import keep_rejections
from shared.storage.error_classes import Fault, classify, summarise
from shared.storage.store_readings import CopyBackoff, store
from shared.storage.store_statuses import keep_statuses
from shared.wire.refusal import CONFLICT_DETAIL, Reason, Rejection
from shared.wire.strict_json import array_elements


class LateRejection(NamedTuple):
    """A reading that passed our checks and was not stored; `place` is its row's in the batch."""

    place: int
    reason: Reason
    detail: str


@dataclass(slots=True)
class BatchOutcome:
    """What became of a batch's readings, each counted once; true when the transaction has committed."""

    stored: int = 0
    duplicates: list[int] = field(default_factory=list)
    """Places of rows in the batch."""
    late: dict[int, Rejection] = field(default_factory=dict)
    """By place: rejected although they had passed our checks."""
    rejected: Counter[str] = field(default_factory=Counter)
    """All that was rejected, by reason."""


class Writer:
    """Writes batches; knows from one to the next whether duplicates are to be expected."""

    def __init__(self) -> None:
        self._caution = CopyBackoff()

    def write(self, connection: Connection, contents: BatchContents) -> BatchOutcome:
        """Write a whole batch. Raises what the database raises."""
        written, losses = BatchOutcome(), list[LateRejection]()
        self._store(connection, contents, range(len(contents.rows)), written, losses)
        return _keep(connection, contents, written, losses)

    def write_around_poison(self, connection: Connection, contents: BatchContents) -> BatchOutcome:
        """The same for a batch that holds rows which the database refuses: those become rejections."""
        written, losses = BatchOutcome(), list[LateRejection]()
        places = sorted(range(len(contents.rows)), key=lambda place: contents.rows[place][:2])
        self._store_halves(connection, contents, places, written, losses)
        return _keep(connection, contents, written, losses)

    def _store(
        self,
        connection: Connection,
        contents: BatchContents,
        places: Sequence[int],
        written: BatchOutcome,
        losses: list[LateRejection],
    ) -> None:
        rows = contents.rows if isinstance(places, range) else [contents.rows[place] for place in places]
        outcome = store(connection, rows, self._caution)
        written.stored += outcome.stored
        written.duplicates += (places[at] for at in outcome.duplicates)
        losses += (LateRejection(places[at], Reason.CONFLICT, CONFLICT_DETAIL) for at in outcome.conflicts)

    def _store_halves(
        self,
        connection: Connection,
        contents: BatchContents,
        places: Sequence[int],
        written: BatchOutcome,
        losses: list[LateRejection],
    ) -> None:
        try:
            with connection.begin_nested():
                self._store(connection, contents, places, written, losses)
        except (DBAPIError, psycopg.Error, UnicodeEncodeError) as error:
            if classify(error) is not Fault.POISON:
                raise
            if len(places) == 1:
                losses.append(LateRejection(places[0], Reason.REFUSED_BY_DATABASE, summarise(error)))
                return
            middle = len(places) // 2
            self._store_halves(connection, contents, places[:middle], written, losses)
            self._store_halves(connection, contents, places[middle:], written, losses)


def fill_receipts(contents: BatchContents, written: BatchOutcome) -> None:
    """Note what became of each reading in the receipts of a batch; once it has committed."""
    if not contents.receipts:
        return
    duplicates = set(written.duplicates)
    ends = [*contents.firsts[1:], len(contents.rows)]
    for delivery, first, end in zip(contents.deliveries, contents.firsts, ends, strict=True):
        receipt = contents.receipts.get(delivery)
        if receipt is None:
            continue
        for place in range(first, end):
            if (rejection := written.late.get(place)) is not None:
                receipt.rejected.append(rejection)
            elif place in duplicates:
                receipt.duplicate.append(contents.rows[place].ts)
            else:
                receipt.stored.append(contents.rows[place].ts)


def _keep(
    connection: Connection, contents: BatchContents, written: BatchOutcome, losses: Sequence[LateRejection]
) -> BatchOutcome:
    written.late = dict(_rejections(contents, losses))
    rejections = [*contents.rejections, *written.late.values()]
    keep_statuses(connection, contents.statuses)
    keep_rejections(connection, rejections)
    written.rejected.update(rejection.reason.value for rejection in rejections)
    return written


def _rejections(contents: BatchContents, losses: Sequence[LateRejection]) -> Iterator[tuple[int, Rejection]]:
    # An array is taken apart once, however many of its readings were lost.
    elements: dict[int, list[bytes]] = {}
    for place, reason, detail in losses:
        delivery, index = contents.source(place)
        payload = delivery.payload
        if index is not None:
            if id(delivery) not in elements:
                elements[id(delivery)] = list(array_elements(payload))
            payload = elements[id(delivery)][index]
        vin = contents.rows[place].vin
        yield (
            place,
            Rejection(vin, delivery.received_at, reason, detail, index, delivery.topic, payload),
        )
