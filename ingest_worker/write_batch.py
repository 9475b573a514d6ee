"""Writes of one batch in the caller's transaction: readings, latest signals, statuses, rejections."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ingest_worker.batch import BatchContents
from ingest_worker.stored_messages import keep_stored
from shared.rejections.model import keep_rejections
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.error_classes import Fault, classify, summarise
from shared.storage.sparkplug_births import ReceivedBirth, keep_births
from shared.storage.store_readings import store
from shared.storage.store_statuses import keep_statuses
from shared.wire.refusal import CONFLICT_DETAIL, Reason, Rejection
from shared.wire.strict_json import array_elements

_TICK = timedelta(microseconds=1)


class LateRejection(NamedTuple):
    """A reading that the decoder accepted and the database did not store; `place` is its row's index."""

    place: int
    reason: Reason
    detail: str


@dataclass(slots=True)
class BatchOutcome:
    """The outcome of a batch's readings, each counted once; valid once the transaction has committed."""

    stored: int = 0
    duplicates: list[int] = field(default_factory=list)
    """Indexes of rows in the batch."""
    late: dict[int, Rejection] = field(default_factory=dict)
    """Late rejections by the index of their row."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Number of all rejections, the decoder's included, by reason."""


class BatchWriter:
    """Writes batches; remembers from one to the next whether COPY or merging is the better way."""

    def __init__(self) -> None:
        self._copy_backoff = CopyBackoff()

    def write(self, connection: Connection, contents: BatchContents) -> BatchOutcome:
        """Write a whole batch. Raises the database's errors."""
        outcome, late = BatchOutcome(), list[LateRejection]()
        self._store(connection, contents, range(len(contents.rows)), outcome, late)
        return _keep(connection, contents, outcome, late)

    def write_around_poison(self, connection: Connection, contents: BatchContents) -> BatchOutcome:
        """Write a batch, bisecting its rows: those that the database refuses become rejections."""
        outcome, late = BatchOutcome(), list[LateRejection]()
        places = sorted(range(len(contents.rows)), key=lambda place: contents.rows[place][:2])
        self._store_halves(connection, contents, places, outcome, late)
        return _keep(connection, contents, outcome, late)

    def _store(
        self,
        connection: Connection,
        contents: BatchContents,
        places: Sequence[int],
        outcome: BatchOutcome,
        late: list[LateRejection],
    ) -> None:
        rows = contents.rows if isinstance(places, range) else [contents.rows[place] for place in places]
        stored = store(connection, rows, self._copy_backoff)
        outcome.stored += stored.stored
        outcome.duplicates += (places[at] for at in stored.duplicates)
        conflicts = [places[at] for at in stored.conflicts]
        if conflicts and contents.arrivals:
            conflicts = self._store_later(connection, contents, conflicts, outcome)
        late += (LateRejection(place, Reason.CONFLICT, CONFLICT_DETAIL) for place in conflicts)

    def _store_later(
        self, connection: Connection, contents: BatchContents, places: Sequence[int], outcome: BatchOutcome
    ) -> list[int]:
        """Store rows that have the time of their arrival 1 µs later; return the places that conflict on.

        Another row has the same time after a step of our clock, or by another worker.
        """
        movable = [place for place in places if contents.source(place).delivery in contents.arrivals]
        for place in movable:
            row = contents.rows[place]
            contents.rows[place] = row._replace(ts=row.ts + _TICK)
        stored = store(connection, [contents.rows[place] for place in movable], self._copy_backoff)
        outcome.stored += stored.stored
        outcome.duplicates += (movable[at] for at in stored.duplicates)
        refused = {movable[at] for at in stored.conflicts}
        return [place for place in places if place in refused or place not in movable]

    def _store_halves(
        self,
        connection: Connection,
        contents: BatchContents,
        places: Sequence[int],
        outcome: BatchOutcome,
        late: list[LateRejection],
    ) -> None:
        try:
            with connection.begin_nested():
                self._store(connection, contents, places, outcome, late)
        except (DBAPIError, psycopg.Error, UnicodeEncodeError) as error:
            if classify(error) is not Fault.POISON:
                raise
            if len(places) == 1:
                late.append(LateRejection(places[0], Reason.REFUSED_BY_DATABASE, summarise(error)))
                return
            middle = len(places) // 2
            self._store_halves(connection, contents, places[:middle], outcome, late)
            self._store_halves(connection, contents, places[middle:], outcome, late)


def fill_receipts(contents: BatchContents, outcome: BatchOutcome) -> None:
    """Enter the outcome of each reading into the receipts of a batch that has committed."""
    if not contents.receipts:
        return
    duplicates = set(outcome.duplicates)
    ends = [*contents.firsts[1:], len(contents.rows)]
    for delivery, first, end in zip(contents.deliveries, contents.firsts, ends, strict=True):
        receipt = contents.receipts.get(delivery)
        if receipt is None:
            continue
        for place in range(first, end):
            if (rejection := outcome.late.get(place)) is not None:
                receipt.rejected.append(rejection)
            elif place in duplicates:
                receipt.duplicate.append(contents.rows[place].ts)
            else:
                receipt.stored.append(contents.rows[place].ts)


def _keep(
    connection: Connection, contents: BatchContents, outcome: BatchOutcome, late: Sequence[LateRejection]
) -> BatchOutcome:
    outcome.late = dict(_rejections(contents, late))
    rejections = [*contents.rejections, *outcome.late.values()]
    keep_statuses(connection, contents.statuses)
    if not contents.is_partial:
        # Kept with its first rows, a message that comes again after a crash would never get the others.
        keep_stored(connection, contents.arrivals.values())
    births = {
        node: ReceivedBirth(birth, delivery.received_at)
        for delivery, (node, birth) in contents.births.items()
    }
    keep_births(connection, births)
    keep_rejections(connection, [*rejections, *_of_joined(contents, outcome.late)])
    outcome.rejected.update(rejection.reason.value for rejection in rejections)
    return outcome


def _of_joined(contents: BatchContents, late: Mapping[int, Rejection]) -> Iterator[Rejection]:
    """Yield the rejections of the further messages that a rejected row was joined from."""
    for place, rejection in late.items() if contents.arrivals else ():
        joined = contents.arrivals.get(contents.source(place).delivery)
        for other in joined.deliveries[1:] if joined is not None else ():
            yield replace(rejection, received_at=other.received_at, topic=other.topic, payload=other.payload)


def _rejections(contents: BatchContents, late: Sequence[LateRejection]) -> Iterator[tuple[int, Rejection]]:
    # An array is parsed once, however many of its readings are rejected.
    elements: dict[int, list[bytes]] = {}
    for place, reason, detail in late:
        delivery, index = contents.source(place)
        payload = delivery.payload
        if index is not None:
            if id(delivery) not in elements:
                elements[id(delivery)] = list(array_elements(payload))
            payload = elements[id(delivery)][index]
        vin = contents.rows[place].vin
        yield (
            place,
            Rejection(
                vin,
                delivery.received_at,
                reason,
                detail,
                index,
                delivery.topic,
                payload,
                has_time=delivery not in contents.arrivals,
            ),
        )
