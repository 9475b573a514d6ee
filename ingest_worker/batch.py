"""What is stored in one transaction. Full by size or age; the clock is handed in; no I/O."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest_worker.delivery import Delivery
from ingest_worker.receipt import Receipt
from shared.wire.decoder import Decoded
from shared.wire.reading import Row
from shared.wire.refusal import Rejection
from shared.wire.status import VehicleStatus

MAX_BYTES = 4 * 1024 * 1024
"""Payloads of one batch. As rows they take several times as much, and are held until the commit."""


class Source(NamedTuple):
    """Where a row came from."""

    delivery: Delivery
    place: int | None
    """In the delivery's array; None for a lone reading."""


@dataclass(slots=True)
class BatchContents:
    """The deliveries in the order they were received, and what they hold."""

    deliveries: list[Delivery] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    """For each delivery, the place in `rows` where its own begin."""
    rows: list[Row] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    statuses: list[VehicleStatus] = field(default_factory=list)
    """In the order they were received."""
    rejection_sources: list[int] = field(default_factory=list)
    """For each rejection, the place of its delivery."""
    status_sources: list[int] = field(default_factory=list)
    """For each status, the place of its delivery."""
    indexes: dict[Delivery, Sequence[int]] = field(default_factory=dict)
    """Of the deliveries that are arrays: where each of their rows stood."""
    receipts: dict[Delivery, Receipt] = field(default_factory=dict)
    """Of the deliveries that want an answer. What was rejected on sight is in them already."""
    is_partial: bool = False
    """Whether its one delivery goes on in the part that follows, which acknowledges it."""

    @property
    def readings(self) -> int:
        """How many it holds, the rejected ones too; a status that was understood is no reading."""
        return len(self.rows) + len(self.rejections)

    def source(self, place: int) -> Source:
        """Where the row at this place came from."""
        at = bisect_right(self.firsts, place) - 1
        delivery = self.deliveries[at]
        indexes = self.indexes.get(delivery)
        return Source(delivery, None if indexes is None else indexes[place - self.firsts[at]])


class Batch:
    """Deliveries that will be committed together.

    Ready when it holds `max_rows` readings and rejections, or `max_deliveries` messages, or payloads of
    `max_bytes`, or its first one has waited `max_age_s`. The broker hands over no more than its in-flight
    window, so a size above that window would never be reached: hence `max_deliveries`, and hence the age.
    A payload of 1 MiB may hold a single reading: hence `max_bytes`.
    """

    def __init__(
        self,
        *,
        max_rows: int,
        max_deliveries: int,
        max_age_s: float,
        clock: Callable[[], float],
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._bytes = 0
        self._max_deliveries = max_deliveries
        self._max_age_s = max_age_s
        self._clock = clock
        self._contents = BatchContents()
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._contents.deliveries)

    def append(self, delivery: Delivery, decoded: Decoded) -> None:
        """Add one delivery with what it holds."""
        contents = self._contents
        if not contents.deliveries:
            self._since = self._clock()
        contents.deliveries.append(delivery)
        self._bytes += len(delivery.payload)
        contents.firsts.append(len(contents.rows))
        contents.rows += decoded.rows
        if decoded.rejections:
            contents.rejections += decoded.rejections
            contents.rejection_sources += [len(contents.deliveries) - 1] * len(decoded.rejections)
        if decoded.indexes is not None:
            contents.indexes[delivery] = decoded.indexes
        if decoded.status is not None:
            contents.statuses.append(decoded.status)
            contents.status_sources.append(len(contents.deliveries) - 1)
        if decoded.receipts is not None:
            contents.receipts[delivery] = Receipt(decoded.receipts, rejected=list(decoded.rejections))

    @property
    def is_full(self) -> bool:
        """Whether it has reached one of its sizes."""
        contents = self._contents
        return (
            len(contents.deliveries) >= self._max_deliveries
            or self._bytes >= self._max_bytes
            or (bool(contents.deliveries) and contents.readings >= self._max_rows)
        )

    @property
    def is_ready(self) -> bool:
        """Whether it is time to store what is here."""
        return self.is_full or (len(self) > 0 and self._since + self._max_age_s <= self._clock())

    def due_in(self) -> float | None:
        """Seconds until age makes it ready; None while it is empty."""
        if not self._contents.deliveries:
            return None
        return self._since + self._max_age_s - self._clock()

    def take(self) -> BatchContents:
        """Everything in it; it is empty afterwards."""
        contents, self._contents = self._contents, BatchContents()
        self._bytes = 0
        return contents
