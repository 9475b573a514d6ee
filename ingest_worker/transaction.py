"""What one batch writes, in the caller's transaction: readings, latest, rejections."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ingest_worker.batch import Contents, Entry
from shared.database_errors import Fault, classify, summarise
from shared.rejections import CONFLICT_DETAIL, Reason, Rejection, keep_rejections
from shared.store import Arrival, store
from shared.strict_json import array_elements


class Loss(NamedTuple):
    """A reading that passed our checks and was not stored."""

    entry: Entry
    reason: Reason
    detail: str


class Late(NamedTuple):
    """A loss, kept."""

    entry: Entry
    rejection: Rejection


@dataclass(slots=True)
class Written:
    """What became of a batch's readings, each counted once; true when the transaction has committed."""

    stored: int = 0
    duplicates: list[Entry] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    """Rejected although they had passed our checks."""
    rejected: Counter[str] = field(default_factory=Counter)
    """All that was rejected, by reason."""


def write(connection: Connection, contents: Contents) -> Written:
    """Write a whole batch. Raises what the database raises."""
    written, losses = Written(), list[Loss]()
    _store(connection, contents.entries, written, losses)
    return _keep(connection, contents, written, losses)


def write_around_poison(connection: Connection, contents: Contents) -> Written:
    """The same for a batch that holds rows which the database refuses: those become rejections."""
    written, losses = Written(), list[Loss]()
    entries = sorted(contents.entries, key=lambda entry: (entry.reading.vin, entry.reading.ts))
    _store_halves(connection, entries, written, losses)
    return _keep(connection, contents, written, losses)


def fill_receipts(contents: Contents, written: Written) -> None:
    """Note what became of each reading in the receipts of a batch; once it has committed."""
    if not contents.receipts:
        return
    duplicates = {id(entry) for entry in written.duplicates}
    late = {id(entry): rejection for entry, rejection in written.late}
    for entry in contents.entries:
        receipt = contents.receipts.get(entry.delivery)
        if receipt is None:
            continue
        if (rejection := late.get(id(entry))) is not None:
            receipt.rejected.append(rejection)
        elif id(entry) in duplicates:
            receipt.duplicate.append(entry.reading.ts)
        else:
            receipt.stored.append(entry.reading.ts)


def _store(connection: Connection, entries: Sequence[Entry], written: Written, losses: list[Loss]) -> None:
    outcome = store(connection, [Arrival(entry.reading, entry.delivery.received_at) for entry in entries])
    written.stored += outcome.stored
    written.duplicates += (entries[place] for place in outcome.duplicates)
    losses += (Loss(entries[place], Reason.CONFLICT, CONFLICT_DETAIL) for place in outcome.conflicts)


def _store_halves(
    connection: Connection, entries: Sequence[Entry], written: Written, losses: list[Loss]
) -> None:
    try:
        with connection.begin_nested():
            _store(connection, entries, written, losses)
    except (DBAPIError, UnicodeEncodeError) as error:
        if classify(error) is not Fault.POISON:
            raise
        if len(entries) == 1:
            losses.append(Loss(entries[0], Reason.REFUSED_BY_DATABASE, summarise(error)))
            return
        middle = len(entries) // 2
        _store_halves(connection, entries[:middle], written, losses)
        _store_halves(connection, entries[middle:], written, losses)


def _keep(connection: Connection, contents: Contents, written: Written, losses: Sequence[Loss]) -> Written:
    written.late = list(_rejections(losses))
    rejections = [*contents.rejections, *(late.rejection for late in written.late)]
    keep_rejections(connection, rejections)
    written.rejected.update(rejection.reason.value for rejection in rejections)
    return written


def _rejections(losses: Sequence[Loss]) -> Iterator[Late]:
    # An array is taken apart once, however many of its readings were lost.
    elements: dict[int, list[bytes]] = {}
    for entry, reason, detail in losses:
        delivery, payload = entry.delivery, entry.delivery.payload
        if entry.index is not None:
            if id(delivery) not in elements:
                elements[id(delivery)] = list(array_elements(payload))
            payload = elements[id(delivery)][entry.index]
        rejection = Rejection(
            entry.reading.vin, delivery.received_at, reason, detail, entry.index, delivery.topic, payload
        )
        yield Late(entry, rejection)
