"""What one batch writes, in the caller's transaction: readings, latest, rejections."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ingest_worker.batch import Contents, Entry
from shared.database_errors import Fault, classify, summarise
from shared.rejections import CONFLICT_DETAIL, Reason, Rejection, keep_rejections
from shared.store import Arrival, store
from shared.strict_json import array_elements


class Written(NamedTuple):
    """What became of a batch's readings; the sum is what the batch held."""

    stored: int
    duplicate: int
    rejected: int


class Loss(NamedTuple):
    """A reading that passed our checks and was not stored."""

    entry: Entry
    reason: Reason
    detail: str


def write(connection: Connection, contents: Contents) -> Written:
    """Write a whole batch. Raises what the database raises."""
    losses: list[Loss] = []
    stored, duplicate = _store(connection, contents.entries, losses)
    return Written(stored, duplicate, _keep(connection, contents, losses))


def write_around_poison(connection: Connection, contents: Contents) -> Written:
    """The same for a batch that holds rows which the database refuses: those become rejections."""
    losses: list[Loss] = []
    entries = sorted(contents.entries, key=lambda entry: (entry.reading.vin, entry.reading.ts))
    stored, duplicate = _store_halves(connection, entries, losses)
    return Written(stored, duplicate, _keep(connection, contents, losses))


def _store(connection: Connection, entries: Sequence[Entry], losses: list[Loss]) -> tuple[int, int]:
    outcome = store(connection, [Arrival(entry.reading, entry.delivery.received_at) for entry in entries])
    losses.extend(Loss(entries[place], Reason.CONFLICT, CONFLICT_DETAIL) for place in outcome.conflicts)
    return outcome.stored, outcome.duplicate


def _store_halves(connection: Connection, entries: Sequence[Entry], losses: list[Loss]) -> tuple[int, int]:
    try:
        with connection.begin_nested():
            return _store(connection, entries, losses)
    except (DBAPIError, UnicodeEncodeError) as error:
        if classify(error) is not Fault.POISON:
            raise
        if len(entries) == 1:
            losses.append(Loss(entries[0], Reason.REFUSED_BY_DATABASE, summarise(error)))
            return 0, 0
    middle = len(entries) // 2
    first = _store_halves(connection, entries[:middle], losses)
    second = _store_halves(connection, entries[middle:], losses)
    return first[0] + second[0], first[1] + second[1]


def _keep(connection: Connection, contents: Contents, losses: Sequence[Loss]) -> int:
    rejections = [*contents.rejections, *_rejections(losses)]
    keep_rejections(connection, rejections)
    return len(rejections)


def _rejections(losses: Sequence[Loss]) -> Iterator[Rejection]:
    # An array is taken apart once, however many of its readings were lost.
    elements: dict[int, list[bytes]] = {}
    for entry, reason, detail in losses:
        delivery, payload = entry.delivery, entry.delivery.payload
        if entry.index is not None:
            if id(delivery) not in elements:
                elements[id(delivery)] = list(array_elements(payload))
            payload = elements[id(delivery)][entry.index]
        yield Rejection(
            entry.reading.vin, delivery.received_at, reason, detail, entry.index, delivery.topic, payload
        )
