"""What one batch writes, in the caller's transaction: readings, latest, rejections."""

from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ingest_worker.batch import Contents, Entry
from shared.database_errors import Fault, classify, summarise
from shared.rejections import Reason, Rejection, keep_rejections
from shared.store import Arrival, Outcome, store
from shared.strict_json import array_elements


def write(connection: Connection, contents: Contents) -> tuple[Outcome, int]:
    """Write a whole batch; returns what happened to its readings, and the count of rejections."""
    outcome = _store(connection, contents.entries)
    keep_rejections(connection, contents.rejections)
    return outcome, len(contents.rejections)


def write_around_poison(connection: Connection, contents: Contents) -> tuple[Outcome, int]:
    """The same for a batch that holds rows which the database refuses: those become rejections."""
    refused: list[Rejection] = []
    entries = sorted(contents.entries, key=lambda entry: (entry.reading.vin, entry.reading.ts))
    outcome = _store_halves(connection, entries, refused)
    keep_rejections(connection, [*contents.rejections, *refused])
    return outcome, len(contents.rejections) + len(refused)


def _store(connection: Connection, entries: Sequence[Entry]) -> Outcome:
    return store(connection, [Arrival(entry.reading, entry.delivery.received_at) for entry in entries])


def _store_halves(connection: Connection, entries: Sequence[Entry], refused: list[Rejection]) -> Outcome:
    try:
        with connection.begin_nested():
            return _store(connection, entries)
    except (DBAPIError, UnicodeEncodeError) as error:
        if classify(error) is not Fault.POISON:
            raise
        if len(entries) == 1:
            refused.append(_refusal(entries[0], error))
            return Outcome(0, 0)
    middle = len(entries) // 2
    first = _store_halves(connection, entries[:middle], refused)
    second = _store_halves(connection, entries[middle:], refused)
    return Outcome(first.stored + second.stored, first.duplicate + second.duplicate)


def _refusal(entry: Entry, error: Exception) -> Rejection:
    delivery = entry.delivery
    payload = delivery.payload
    if entry.index is not None:
        payload = list(array_elements(payload))[entry.index]
    return Rejection(
        entry.reading.vin,
        delivery.received_at,
        Reason.REFUSED_BY_DATABASE,
        summarise(error),
        entry.index,
        delivery.topic,
        payload,
    )
