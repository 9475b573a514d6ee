"""The way of deliveries into a batch: decoded, by the mapping where their topic is one of a source."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from ingest_worker.batch import Batch, Entry
from ingest_worker.delivery import Delivery
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.sources.source_reader import SourceReader
from shared.sources.sources import TopicMatch
from shared.wire.decoder import Decoded, decode, decode_arrays, decode_lone_readings
from shared.wire.fast_reading import Arrays
from shared.wire.reading import Row

_RUN = 64
"""Number of messages that are decoded at once where they are usual ones."""
_LONGEST_RUN = 512
"""The same while all of them are: for long columns the calls of NumPy cost little a reading."""
_LONGEST_COLUMN = 1_000
"""Number of readings, of one or more arrays, after which a run ends: they fit into a processor's cache."""
_RUNS_APART = 4
"""Number of runs whose native messages are decoded one by one after a run that held an unusual one."""

_Matches = Sequence[TopicMatch | None]
T = TypeVar("T")


def _columns(run: Sequence[Delivery]) -> tuple[list[bytes], list[bytes], list[datetime]]:
    """Return topic, payload and time of receipt of each message."""
    return [one.topic for one in run], [one.payload for one in run], [one.received_at for one in run]


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
        self._run = _RUN
        self._runs_apart = 0

    def add(self, deliveries: Sequence[Delivery], stored_before: Collection[Delivery] = ()) -> Iterator[None]:
        """Decode deliveries into the batch; yield whenever it is full, and has to be taken.

        `stored_before` are the deliveries that need not be stored again.
        """
        latest = datetime.now(UTC) + self._max_future_skew
        batch, metrics, at = self._batch, self._metrics, 0
        metrics.count_messages(deliveries)
        while at < len(deliveries):
            if metrics.oldest is None:
                metrics.oldest = deliveries[at]
            run = deliveries[at : at + min(self._run, max(1, batch.room()))]
            matches = self._matches(run)
            number = self._add_alike(run, latest) if matches is None else 0
            if number:
                at += number
                if batch.is_full:
                    yield
            else:
                run = run[:_RUN]
                at += len(run)
                yield from self._add_run(run, matches and matches[:_RUN], latest, stored_before)

    def _add_alike(self, run: Sequence[Delivery], latest: datetime) -> int:
        """Put native messages into the batch, if they are usual ones; return their number, or 0.

        Of arrays, only those are taken that the batch has room for.
        """
        if run[0].payload[:1] == b"[":
            arrays = None if self._are_apart() else self._decode_arrays(run, latest)
            if arrays is None:
                return 0
            run = run[: len(arrays.counts)]
            self._batch.append_arrays(run, arrays.counts, arrays.rows)
            self._metrics.tally.receive(len(arrays.rows))
        elif (rows := self._decode_natives(run, latest)) is not None:
            self._batch.append_lone(run, rows)
            self._metrics.tally.receive(len(rows))
        else:
            return 0
        return len(run)

    def _add_run(
        self,
        run: Sequence[Delivery],
        matches: _Matches | None,
        latest: datetime,
        stored_before: Collection[Delivery],
    ) -> Iterator[None]:
        """Decode a run of messages of any kind into the batch, in their order; yield whenever it is full."""
        batch, metrics, at = self._batch, self._metrics, 0
        found: Sequence[list[Row] | None] = [None] * len(run)
        if matches is None:
            matches = [None] * len(run)
        elif not stored_before:
            found = self._decode_run(run, matches, latest)
        while at < len(run):
            if metrics.oldest is None:
                metrics.oldest = run[at]
            end = at
            while end < len(run) and (rows := found[end]) is not None and len(rows) == 1:
                end += 1
            if end > at:
                batch.append_lone(run[at:end], [rows[0] for rows in found[at:end] if rows])
                metrics.tally.receive(end - at)
                at = end
            else:
                self._add_one(run[at], matches[at], found[at], latest, stored_before)
                at += 1
            if batch.is_full:
                yield

    def _add_one(
        self,
        delivery: Delivery,
        match: TopicMatch | None,
        rows: list[Row] | None,
        latest: datetime,
        stored_before: Collection[Delivery],
    ) -> None:
        """Put one message into the batch, decoded by itself unless its rows are known."""
        if match is not None and rows is None and self._reader is not None:
            # The reader may have the batch stored, ahead of a question to the database.
            entries = self._reader.read(
                delivery, match, latest=latest, client_id=self._client_id(), stored_before=stored_before
            )
            if entries:
                self._receive(entries)
            return
        if rows is not None:
            decoded = Decoded(rows, [])
        else:
            decoded = decode(
                delivery.topic, delivery.payload, received_at=delivery.received_at, latest=latest
            )
        self._batch.append(delivery, decoded)
        self._metrics.tally.receive(len(decoded.rows) + len(decoded.rejections))

    def _matches(self, run: Sequence[Delivery]) -> _Matches | None:
        """Return the match of each message, None for a native one; None where all of them are native."""
        if self._reader is None:
            return None
        match = self._reader.sources.match
        matches = [match(delivery.topic) for delivery in run]
        return matches if any(matches) else None

    def _decode_run(
        self, run: Sequence[Delivery], matches: _Matches, latest: datetime
    ) -> list[list[Row] | None]:
        """Return the rows of each usual message; None for one that has to be decoded by itself."""
        if self._reader is None:
            return [None] * len(run)
        found = self._reader.read_run(run, matches, latest=latest)
        natives = [at for at, match in enumerate(matches) if match is None]
        rows = self._decode_natives([run[at] for at in natives], latest) if natives else None
        for at, row in zip(natives, rows or (), strict=False):
            found[at] = [row]
        return found

    def _decode_natives(self, run: Sequence[Delivery], latest: datetime) -> Sequence[Row] | None:
        """Return the row of each native message if all are usual single readings; None if one is not."""
        if self._are_apart():
            return None
        return self._noted(decode_lone_readings(*_columns(run), latest=latest))

    def _decode_arrays(self, run: Sequence[Delivery], latest: datetime) -> Arrays | None:
        """Return the readings of the first messages of the run; None where one is no usual array."""
        fitting = run[: self._batch.number_that_fits(run)]
        most = min(self._batch.room(), _LONGEST_COLUMN)
        return self._noted(decode_arrays(*_columns(fitting), latest=latest, most=most))

    def _are_apart(self) -> bool:
        """Return whether the messages of a run are decoded one by one, and count it."""
        self._runs_apart -= (is_apart := self._runs_apart > 0)
        return is_apart

    def _noted(self, found: T) -> T:
        """Choose the length of the next run, and return what was found in this one.

        After an unusual message the next runs are not tried: where many messages differ it would be for
        nothing.
        """
        if found is None:
            self._run, self._runs_apart = _RUN, _RUNS_APART
        else:
            self._run = min(2 * self._run, _LONGEST_RUN)
        return found

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
