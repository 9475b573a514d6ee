"""A batch of deliveries that one transaction stores; ready by size or by age. No I/O."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from ingest_worker.delivery import Delivery
from ingest_worker.receipt import Receipt
from shared.sources.sparkplug_decoder import NodeBirth
from shared.wire.decoder import Decoded
from shared.wire.reading import Row
from shared.wire.reading_block import RowParts
from shared.wire.refusal import Rejection
from shared.wire.status import VehicleStatus

MAX_BYTES = 4 * 1024 * 1024
"""Bytes of payload in one batch. Decoded rows take several times as much memory, until the commit."""


class Arrivals(NamedTuple):
    """Messages without a time of their own that became rows or rejections."""

    client_id: str
    """The session at the broker that received them."""
    deliveries: tuple[Delivery, ...]


class Entry(NamedTuple):
    """Deliveries whose contents are stored together: those of the first one, for which the others wait."""

    deliveries: Sequence[Delivery]
    decoded: Decoded
    arrivals: Arrivals | None = None
    statuses: Sequence[VehicleStatus] = ()
    """Further statuses: the death of a Sparkplug edge node is one of all its devices."""
    birth: NodeBirth | None = None


class Source(NamedTuple):
    """The origin of a row."""

    delivery: Delivery
    place: int | None
    """Index in the delivery's array; None for a lone reading."""


@dataclass(slots=True)
class BatchContents:
    """Deliveries in the order of receipt, with the rows, rejections and statuses decoded from them."""

    deliveries: list[Delivery] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    """For each delivery, the index in `rows` of its first row."""
    rows: RowParts = field(default_factory=RowParts)
    rejections: list[Rejection] = field(default_factory=list)
    statuses: list[VehicleStatus] = field(default_factory=list)
    """Statuses in the order of receipt."""
    rejection_sources: list[int] = field(default_factory=list)
    """For each rejection, the index of its delivery."""
    status_sources: list[int] = field(default_factory=list)
    """For each status, the index of its delivery."""
    indexes: dict[Delivery, Sequence[int]] = field(default_factory=dict)
    """For each delivery that is an array, the index in that array of each of its rows."""
    arrivals: dict[Delivery, Arrivals] = field(default_factory=dict)
    """For each delivery stored with the time of its arrival, all deliveries that its rows come from."""
    births: dict[Delivery, NodeBirth] = field(default_factory=dict)
    """Births of Sparkplug devices, by their delivery."""
    receipts: dict[Delivery, Receipt] = field(default_factory=dict)
    """Receipts of the deliveries that request one; they list the readings that the decoder rejected."""
    is_partial: bool = False
    """True where the only delivery continues in the next part, which acknowledges it."""

    @property
    def readings(self) -> int:
        """Number of readings, rejected ones included; a valid status is not a reading."""
        return len(self.rows) + len(self.rejections)

    def source(self, place: int) -> Source:
        """Return the origin of the row at index `place`."""
        at = bisect_right(self.firsts, place) - 1
        delivery = self.deliveries[at]
        indexes = self.indexes.get(delivery)
        return Source(delivery, None if indexes is None else indexes[place - self.firsts[at]])


class Batch:
    """Deliveries that will be committed together.

    A batch is ready when it holds `max_rows` readings and rejections, `max_deliveries` messages or
    `max_bytes` of payload, or when its first delivery has waited `max_age_s`. The broker sends no more than
    its in-flight window, so more rows than that may never arrive: hence `max_deliveries` and the age.
    A payload of 1 MiB may hold a single reading: hence `max_bytes`. `clock` returns seconds.
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
        self.max_deliveries = max_deliveries
        """May be changed at any time."""
        self._max_age_s = max_age_s
        self._clock = clock
        self._contents = BatchContents()
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._contents.deliveries)

    @property
    def contents(self) -> BatchContents:
        """The contents by now, to be read only; `take` returns them."""
        return self._contents

    @property
    def oldest(self) -> Delivery | None:
        """First delivery; None while the batch is empty."""
        return self._contents.deliveries[0] if self._contents.deliveries else None

    def append(self, delivery: Delivery, decoded: Decoded) -> None:
        """Add a delivery with its decoded contents."""
        contents = self._contents
        if not contents.deliveries:
            self._since = self._clock()
        contents.deliveries.append(delivery)
        self._bytes += len(delivery.payload)
        contents.firsts.append(len(contents.rows))
        contents.rows.extend(decoded.rows)
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

    def room(self) -> int:
        """Return the number of readings, each a message of its own, up to which the batch is not yet full."""
        contents = self._contents
        return min(self.max_deliveries - len(contents.deliveries), self._max_rows - contents.readings)

    def number_that_fits(self, deliveries: Sequence[Delivery]) -> int:
        """Return the number of these deliveries, at least one, after which the batch is full by its bytes."""
        sizes = accumulate((len(delivery.payload) for delivery in deliveries), initial=self._bytes)
        return max(1, bisect_left([*sizes], self._max_bytes, hi=len(deliveries)))

    def append_lone(self, deliveries: Sequence[Delivery], rows: Sequence[Row]) -> None:
        """Add deliveries of one reading each, which request no receipt, with their rows."""
        contents = self._contents
        if not contents.deliveries:
            self._since = self._clock()
        first = len(contents.rows)
        contents.deliveries += deliveries
        contents.firsts += range(first, first + len(deliveries))
        contents.rows.extend(rows)
        self._bytes += sum(len(delivery.payload) for delivery in deliveries)

    def append_arrays(
        self, deliveries: Sequence[Delivery], counts: Sequence[int], rows: Sequence[Row]
    ) -> None:
        """Add deliveries of so many readings each, which request no receipt, with their rows."""
        first = len(self._contents.rows)
        self.append_lone(deliveries, rows)
        contents = self._contents
        contents.firsts[-len(deliveries) :] = accumulate(counts[:-1], initial=first)
        contents.indexes.update(zip(deliveries, map(range, counts), strict=True))

    def append_entry(self, entry: Entry) -> None:
        """Add deliveries that are stored together.

        The rows come with the first one: a batch may be split between any two, and none of the others is then
        acknowledged before the rows have committed.
        """
        deliveries, decoded, arrivals, statuses, birth = entry
        first = deliveries[0]
        self.append(first, decoded)
        contents = self._contents
        if arrivals is not None:
            contents.arrivals[first] = arrivals
        if birth is not None:
            contents.births[first] = birth
        for status in statuses:
            contents.statuses.append(status)
            contents.status_sources.append(len(contents.deliveries) - 1)
        if len(deliveries) > 1:
            others = deliveries[1:]
            contents.deliveries += others
            contents.firsts += [len(contents.rows)] * len(others)
            self._bytes += sum(len(other.payload) for other in others)

    @property
    def is_full(self) -> bool:
        """True once one of the maximal sizes is reached."""
        contents = self._contents
        # The number of readings is written out, for speed: this runs once a message.
        return (
            len(contents.deliveries) >= self.max_deliveries
            or self._bytes >= self._max_bytes
            or (bool(contents.deliveries) and len(contents.rows) + len(contents.rejections) >= self._max_rows)
        )

    @property
    def is_ready(self) -> bool:
        """True where the batch is due to be stored, by size or by age."""
        return self.is_full or (len(self) > 0 and self._since + self._max_age_s <= self._clock())

    def due_in(self) -> float | None:
        """Return the seconds until the batch is ready by age; None while it is empty."""
        if not self._contents.deliveries:
            return None
        return self._since + self._max_age_s - self._clock()

    def take(self) -> BatchContents:
        """Return the contents and leave the batch empty."""
        contents, self._contents = self._contents, BatchContents()
        self._bytes = 0
        return contents
