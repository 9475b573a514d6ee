"""Messages of the sources of a mapping file: decoded, joined where they have no time, and counted."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from ingest_worker.batch import MAX_BYTES, Arrivals, Entry
from ingest_worker.delivery import Delivery
from ingest_worker.sources.assembler import Assembler, Group
from shared.sources.decode import Mapped, Values, decode_mapped
from shared.sources.decode_run import RunDecoder
from shared.sources.sources import Source, Sources, TopicMatch
from shared.sources.sparkplug_decoder import SparkplugDecoder
from shared.wire.decoder import Decoded
from shared.wire.reading import Row
from shared.wire.refusal import Reason, Rejection


class SourceOutcome(StrEnum):
    """The fate of a message of a source; each message has one."""

    READING = "reading"
    STATUS = "status"
    NO_SIGNAL = "no_signal"
    CLEARED = "cleared"
    RETAINED = "retained"
    """Retained and without a time: it was known before, nothing tells since when."""
    REPEATED = "repeated"
    """Stored before a crash, and sent again for want of the acknowledgement."""
    REJECTED = "rejected"


_EMPTY = Decoded([], [])


class SourceReader:
    """Reads messages of sources, one after the other, in the worker's thread.

    `command` sends a command (topic, payload) to a device: a request for its birth.

    Messages without a time are held, unacknowledged, until the row that they become is complete, for at most
    the source's `assemble_ms`, and at most `max_held` messages or MAX_BYTES of payload. With those of the
    batch they may fill the in-flight window: then the broker sends on once rows are due.
    """

    def __init__(
        self,
        sources: Sources,
        *,
        max_held: int,
        sparkplug: SparkplugDecoder,
        command: Callable[[str, bytes], None],
    ) -> None:
        self.sources = sources
        self._sparkplug = sparkplug
        self._command = command
        self._runs = RunDecoder()
        self._epoch = 0
        self.counts: Counter[tuple[str, str]] = Counter(
            {(source.name, outcome.value): 0 for source in sources.sources for outcome in SourceOutcome}
        )
        """Messages by source and outcome."""
        self._assembler: Assembler[Delivery] = Assembler()
        self._max_held = max_held
        self._held = 0
        self._held_bytes = 0

    @property
    def held(self) -> int:
        """Number of messages that are held."""
        return self._held

    def may_be_stored(self, delivery: Delivery) -> bool:
        """Return whether a message may have been stored before, without a time by which that would show."""
        if not (delivery.is_repeated and delivery.qos and delivery.payload) or delivery.is_retained:
            return False
        match = self.sources.match(delivery.topic)
        return match is not None and match.source.is_arrival and not match.is_status

    def read_run(
        self, deliveries: Sequence[Delivery], matches: Sequence[TopicMatch | None], *, latest: datetime
    ) -> list[list[Row] | None]:
        """Return the rows of each usual message with its own time; None for one that `read` has to read."""
        found: list[list[Row] | None] = [None] * len(deliveries)
        payloads = [delivery.payload for delivery in deliveries]
        arrivals = [delivery.received_at for delivery in deliveries]
        for source, places, decoded in self._runs.decode(matches, payloads, arrivals, latest=latest):
            for at, rows in zip(places, decoded, strict=True):
                found[at] = rows
            unread, empty = decoded.count(None), decoded.count([])
            self.counts[source.name, SourceOutcome.NO_SIGNAL] += empty
            self.counts[source.name, SourceOutcome.READING] += len(decoded) - unread - empty
        return found

    def read(
        self,
        delivery: Delivery,
        match: TopicMatch,
        *,
        latest: datetime,
        client_id: str,
        stored_before: Collection[Delivery] = (),
    ) -> Sequence[Entry]:
        """Return what is to be stored now: the message itself, or rows that it completes.

        `stored_before` holds the deliveries of an earlier connection that were stored then.
        """
        source = match.source
        if not delivery.payload:
            return (self._without_reading(delivery, source, SourceOutcome.CLEARED),)
        if source.is_arrival and not match.is_status and delivery.is_retained:
            return (self._without_reading(delivery, source, SourceOutcome.RETAINED),)
        if delivery in stored_before:
            return (self._without_reading(delivery, source, SourceOutcome.REPEATED),)
        if match.sparkplug is not None:
            return (self._read_sparkplug(delivery, match, latest),)
        mapped = decode_mapped(
            match, delivery.topic, delivery.payload, received_at=delivery.received_at, latest=latest
        )
        outcome = _outcome(mapped.rejections, mapped.rows or mapped.values, mapped.status)
        self.counts[source.name, outcome] += 1
        if len(mapped.values) == 1 and not mapped.rejections:
            return self._join(delivery, mapped.values[0], client_id)
        return (self._complete(delivery, mapped, client_id),)

    def _join(self, delivery: Delivery, values: Values, client_id: str) -> Sequence[Entry]:
        """Hold a message for others of its vehicle; return the rows that it completes or has no room for."""
        entries = []
        if not values.source.keeps_backlog:
            displaced = self._assembler.displace(values, delivery.received_at)
            entries += [self._displaced(older, values.source, values.vin, client_id) for older in displaced]
        self._hold(delivery)
        closed = self._assembler.add(values, delivery.received_at, delivery)
        entries += [self._row(group, client_id) for group in closed]
        while self._held > self._max_held or self._held_bytes > MAX_BYTES:
            entries += [self._row(group, client_id) for group in self._assembler.close_oldest()]
        return entries

    def due(self, now: datetime, client_id: str) -> Iterator[Entry]:
        """Yield the rows whose time has passed."""
        for group in self._assembler.due(now):
            yield self._row(group, client_id)

    def drain(self, client_id: str) -> Iterator[Entry]:
        """Yield all rows that are held, as they are."""
        for group in self._assembler.drain():
            yield self._row(group, client_id)

    def due_in(self) -> float | None:
        """Return the seconds until a row is due; None while nothing is held."""
        moment = self._assembler.next_due()
        return None if moment is None else (moment - datetime.now(UTC)).total_seconds()

    def _read_sparkplug(self, delivery: Delivery, match: TopicMatch, latest: datetime) -> Entry:
        """Decode a message of Sparkplug. Raises the errors of the decoder's questions to the database."""
        if delivery.epoch != self._epoch:
            self._epoch = delivery.epoch
            self._sparkplug.begin_connection()
        found = self._sparkplug.decode(
            match, delivery.topic, delivery.payload, received_at=delivery.received_at, latest=latest
        )
        if found.request is not None:
            self._command(*found.request)
        outcome = _outcome(found.rejections, found.rows, found.statuses)
        self.counts[match.source.name, outcome] += 1
        decoded = Decoded(found.rows, found.rejections)
        return Entry((delivery,), decoded, statuses=found.statuses, birth=found.birth)

    def _without_reading(self, delivery: Delivery, source: Source, outcome: SourceOutcome) -> Entry:
        self.counts[source.name, outcome] += 1
        return Entry((delivery,), _EMPTY)

    def _complete(self, delivery: Delivery, mapped: Mapped, client_id: str) -> Entry:
        """Make the entry of a message that waits for no other one."""
        if not mapped.values and not mapped.rejections:
            decoded = Decoded(mapped.rows, [], mapped.indexes, None, mapped.status)
            return Entry((delivery,), decoded)
        # Values of several vehicles come as whole sets: each is a row.
        rows = [
            Row(
                values.vin,
                self._assembler.stamp(values.vin, delivery.received_at),
                delivery.received_at,
                *values.signals,
            )
            for values in mapped.values
        ]
        decoded = Decoded([*mapped.rows, *rows], mapped.rejections, mapped.indexes, None, mapped.status)
        lacks_time = bool(rows) or any(not rejection.has_time for rejection in mapped.rejections)
        return Entry((delivery,), decoded, Arrivals(client_id, (delivery,)) if lacks_time else None)

    def _displaced(self, delivery: Delivery, source: Source, vin: str, client_id: str) -> Entry:
        """Reject a message whose value is older than one that arrived with it."""
        self._release(delivery)
        self.counts[source.name, SourceOutcome.READING] -= 1
        self.counts[source.name, SourceOutcome.REJECTED] += 1
        rejection = Rejection(
            vin,
            delivery.received_at,
            Reason.NO_TIME,
            "a newer value arrived within 200 ms: this one had waited, and its time is unknown",
            None,
            delivery.topic,
            delivery.payload,
            has_time=False,
        )
        return Entry((delivery,), Decoded([], [rejection]), Arrivals(client_id, (delivery,)))

    def _row(self, group: Group[Delivery], client_id: str) -> Entry:
        for delivery in group.tokens:
            self._release(delivery)
        row = Row(group.vin, group.ts, group.tokens[0].received_at, *group.signals)
        return Entry(group.tokens, Decoded([row], []), Arrivals(client_id, tuple(group.tokens)))

    def _hold(self, delivery: Delivery) -> None:
        self._held += 1
        self._held_bytes += len(delivery.payload)

    def _release(self, delivery: Delivery) -> None:
        self._held -= 1
        self._held_bytes -= len(delivery.payload)


def _outcome(rejections: object, readings: object, statuses: object) -> SourceOutcome:
    """Return the outcome of a message by what is in it: the first that is not empty."""
    if rejections:
        return SourceOutcome.REJECTED
    if readings:
        return SourceOutcome.READING
    return SourceOutcome.STATUS if statuses else SourceOutcome.NO_SIGNAL
