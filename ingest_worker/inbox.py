"""A bounded queue of deliveries from paho's network thread to the worker's thread.

The network thread never waits for the queue, since it also sends acknowledgements and pings.
"""

import queue
import threading
from collections.abc import Sequence

from ingest_worker.delivery import Delivery

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of payload at which the queue is full. The broker's window bounds messages, not bytes."""

_Content = tuple[bytes, bytes, bool]


class Inbox:
    """A queue of chunks, each the deliveries of one read.

    While `is_full`, the network thread reads no more: further messages wait in the socket and at the broker.
    The queue is full from MAX_BYTES on until half of them are left; one read may exceed MAX_BYTES.

    After a reconnect the broker resends each message that was not acknowledged. Such a message replaces its
    earlier copy in the queue, so that a flapping connection does not fill the memory. A message that does not
    come again stays in the queue: the broker may have lost it.
    """

    def __init__(self, max_unguaranteed: int) -> None:
        self._max_unguaranteed = max_unguaranteed
        self._chunks: queue.SimpleQueue[list[Delivery] | None] = queue.SimpleQueue()
        # Held for microseconds by either thread.
        self._lock = threading.Lock()
        self._waiting = 0
        self._waiting_bytes = 0
        self._replaced: set[Delivery] = set()
        self._earlier: dict[_Content, Delivery] = {}
        """Deliveries of earlier connections."""
        self._has_room = threading.Event()
        self._has_room.set()
        self.unguaranteed_dropped = 0

    def __len__(self) -> int:
        return self._waiting

    @property
    def waiting_bytes(self) -> int:
        """Bytes of payload in the queue."""
        return self._waiting_bytes

    @property
    def is_full(self) -> bool:
        """True while the network thread must not read."""
        return not self._has_room.is_set()

    # Called by the network thread

    def await_room(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds while the queue is full; return whether there is room."""
        return self._has_room.wait(timeout)

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Add deliveries, also to a full queue; those of QoS 0 beyond `max_unguaranteed` are dropped."""
        with self._lock:
            admitted = self._admit(deliveries)
            self._waiting += len(admitted)
            self._waiting_bytes += _bytes(admitted)
            if self._earlier:
                for delivery in admitted:
                    if delivery.qos:
                        self._replace_earlier(delivery)
            if self._waiting_bytes >= MAX_BYTES:
                self._has_room.clear()
        if admitted:
            self._chunks.put(admitted)

    def _admit(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        admitted: list[Delivery] = []
        for delivery in deliveries:
            # QoS 0 has neither an in-flight window nor a guarantee, and must not fill the memory.
            if delivery.qos or self._waiting + len(admitted) < self._max_unguaranteed:
                admitted.append(delivery)
            else:
                self.unguaranteed_dropped += 1
        return admitted

    def _replace_earlier(self, delivery: Delivery) -> None:
        earlier = self._earlier.pop(_content(delivery), None)
        if earlier is not None:
            # It arrived then: during an outage of the database the connection may have been lost since.
            delivery.received_at = earlier.received_at
            self._replaced.add(earlier)
            self._subtract([earlier])

    def _subtract(self, deliveries: Sequence[Delivery]) -> None:
        self._waiting -= len(deliveries)
        self._waiting_bytes -= _bytes(deliveries)
        if self._waiting_bytes <= MAX_BYTES // 2:
            self._has_room.set()

    def begin_connection(self) -> None:
        """Note that a new connection begins: remove replaced deliveries, index the others by content."""
        with self._lock:
            self._earlier.clear()
            for _ in range(self._chunks.qsize()):
                try:
                    chunk = self._chunks.get_nowait() or []
                except queue.Empty:
                    break
                waiting = [delivery for delivery in chunk if delivery not in self._replaced]
                # Only those of this chunk: the worker may have taken another one, and not filtered it yet.
                self._replaced.difference_update(chunk)
                for delivery in waiting:
                    if delivery.qos:
                        self._earlier[_content(delivery)] = delivery
                if waiting:
                    self._chunks.put(waiting)

    # Called by the worker's thread

    def take(self, timeout: float) -> list[Delivery]:
        """Return the next chunk; an empty list after `timeout` seconds without one, or after `wake`."""
        try:
            chunk = self._chunks.get(timeout=max(timeout, 0))
        except queue.Empty:
            return []
        if chunk is None:
            return []
        with self._lock:
            if self._replaced:
                kept = [delivery for delivery in chunk if delivery not in self._replaced]
                self._replaced.difference_update(chunk)
                chunk = kept
            self._subtract(chunk)
            if self._earlier:
                for delivery in chunk:
                    self._earlier.pop(_content(delivery), None)
        return chunk

    def wake(self) -> None:
        """Make a waiting `take` return. Safe in a signal handler: no lock is acquired."""
        self._chunks.put(None)


def _bytes(deliveries: Sequence[Delivery]) -> int:
    return sum([len(delivery.payload) for delivery in deliveries])


def _content(delivery: Delivery) -> _Content:
    # A retained copy replaces only another one: it is sent at each subscribing, and may not be stored.
    return delivery.topic, delivery.payload, delivery.is_retained
