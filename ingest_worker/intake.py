"""The way of deliveries into a batch: decoded, by the mapping where their topic is one of a source."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from ingest_worker.batch import Batch, Entry
from ingest_worker.delivery import Delivery
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.sources.source_reader import SourceReader
from shared.wire.decoder import decode, decode_lone_readings
from shared.wire.reading import Row

_RUN = 64
"""Messages that are decoded at once where all of them are usual single readings."""
_RUNS_APART = 4
"""Runs whose messages are decoded one by one after a run that held another message."""


class Intake:
    """Puts deliveries into the batch. `client_id` returns the name of the present session at the broker."""

    def __init__(
        self,
        batch: Batch,
        metrics: WorkerMetrics,
        *,
        max_future_skew: timedelta,
        client_id: Callable[[], str],
        reader: SourceReader | None,
    ) -> None:
        self._batch = batch
        self._metrics = metrics
        self._max_future_skew = max_future_skew
        self._client_id = client_id
        self._reader = reader
        self._runs_apart = 0

    def add(self, deliveries: Sequence[Delivery], stored_before: Collection[Delivery] = ()) -> Iterator[None]:
        """Decode deliveries into the batch; yield whenever it is full, and has to be taken.

        `stored_before` are the deliveries that need not be stored again.
        """
        latest = datetime.now(UTC) + self._max_future_skew
        batch, metrics, reader, at = self._batch, self._metrics, self._reader, 0
        metrics.count_messages(deliveries)
        while at < len(deliveries):
            if metrics.oldest is None:
                metrics.oldest = deliveries[at]
            run = deliveries[at : at + min(_RUN, max(1, batch.room()))]
            at += len(run)
            if (rows := self._decode_run(run, latest)) is not None:
                batch.append_lone(run, rows)
                metrics.tally.receive(len(rows))
                if batch.is_full:
                    yield
                continue
            received = 0
            for delivery in run:
                if metrics.oldest is None:
                    metrics.oldest = delivery
                if reader is not None and (match := reader.sources.match(delivery.topic)) is not None:
                    # Reading may store the batch: nothing is stored that was not received.
                    metrics.tally.receive(received)
                    received = 0
                    entries = reader.read(
                        delivery,
                        match,
                        latest=latest,
                        client_id=self._client_id(),
                        stored_before=stored_before,
                    )
                    received += self._append(entries)
                else:
                    decoded = decode(
                        delivery.topic, delivery.payload, received_at=delivery.received_at, latest=latest
                    )
                    received += len(decoded.rows) + len(decoded.rejections)
                    batch.append(delivery, decoded)
                if batch.is_full:
                    metrics.tally.receive(received)
                    received = 0
                    yield
            metrics.tally.receive(received)

    def _decode_run(self, run: Sequence[Delivery], latest: datetime) -> Sequence[Row] | None:
        """Return the row of each message where all are usual single readings; None where one is not.

        After such a message the next runs are not tried: where many messages differ it would be for nothing.
        """
        if self._runs_apart:
            self._runs_apart -= 1
            return None
        rows: Sequence[Row] | None = None
        if self._reader is None or not any(self._reader.sources.match(one.topic) for one in run):
            rows = decode_lone_readings(
                [one.topic for one in run],
                [one.payload for one in run],
                [one.received_at for one in run],
                latest=latest,
            )
        if rows is None:
            self._runs_apart = _RUNS_APART
        return rows

    def repeated(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Return the deliveries that the broker may have sent before, and that have no time to show it."""
        return [] if self._reader is None else [one for one in deliveries if self._reader.may_be_stored(one)]

    def add_due(self) -> None:
        """Put the rows into the batch whose time has passed."""
        if self._reader is not None:
            self._receive(self._reader.due(datetime.now(UTC), self._client_id()))

    def add_held(self) -> None:
        """Put all rows into the batch that are held, as they are."""
        if self._reader is not None:
            self._receive(self._reader.drain(self._client_id()))

    def due_in(self) -> float | None:
        """Return the seconds until a held row is due or the batch is ready by age; None without either."""
        due = (self._batch.due_in(), None if self._reader is None else self._reader.due_in())
        return min((seconds for seconds in due if seconds is not None), default=None)

    def _receive(self, entries: Iterable[Entry]) -> None:
        self._metrics.tally.receive(self._append(entries))

    def _append(self, entries: Iterable[Entry]) -> int:
        """Put entries into the batch; return the number of their readings."""
        received = 0
        for entry in entries:
            received += len(entry.decoded.rows) + len(entry.decoded.rejections)
            self._batch.append_entry(entry)
            if self._metrics.oldest is None:
                self._metrics.oldest = entry.deliveries[0]
        return received
