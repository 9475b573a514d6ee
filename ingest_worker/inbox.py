"""Deliveries between paho's network thread and the worker's: bounded, without ever making the former wait."""

import queue
import threading
from collections.abc import Sequence

from ingest_worker.delivery import Delivery

MAX_BYTES = 8 * 1024 * 1024
"""Payload that may wait here before no more is read. The broker's window bounds messages, not bytes."""


class Inbox:
    """A queue that says when it is full. What was read at once is put and taken at once.

    The network thread does not read while `is_full`: the rest waits in the socket and at the broker.
    It is full once it holds MAX_BYTES, until half of them are left; one read may go beyond that.

    After a reconnect the broker sends once more what was not acknowledged. Each such message takes the
    place of the one that waits here since the connection before, so that a link which flaps does not
    fill the memory. What does not come again stays: the broker may have lost it.
    """

    def __init__(self, max_unguaranteed: int) -> None:
        self._max_unguaranteed = max_unguaranteed
        self._chunks: queue.SimpleQueue[list[Delivery] | None] = queue.SimpleQueue()
        # Held briefly by either thread.
        self._lock = threading.Lock()
        self._waiting = 0
        self._waiting_bytes = 0
        self._replaced: set[Delivery] = set()
        # From the connections before, by content.
        self._earlier: dict[tuple[bytes, bytes], Delivery] = {}
        self._has_room = threading.Event()
        self._has_room.set()
        self.unguaranteed_dropped = 0

    def __len__(self) -> int:
        return self._waiting

    @property
    def waiting_bytes(self) -> int:
        """Payload that waits here."""
        return self._waiting_bytes

    @property
    def is_full(self) -> bool:
        """Whether no more is to be read."""
        return not self._has_room.is_set()

    # Called by the network thread

    def await_room(self, timeout: float) -> bool:
        """Wait until it is not full; returns whether that is so."""
        return self._has_room.wait(timeout)

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Add deliveries, full or not; those of QoS 0 are dropped where there is no room."""
        with self._lock:
            taken = [delivery for delivery in deliveries if self._is_taken(delivery)]
            if self._waiting_bytes >= MAX_BYTES:
                self._has_room.clear()
        if taken:
            self._chunks.put(taken)

    def _is_taken(self, delivery: Delivery) -> bool:
        if delivery.qos == 0 and self._waiting >= self._max_unguaranteed:
            # QoS 0 has no window and no promise; it must not fill our memory.
            self.unguaranteed_dropped += 1
            return False
        self._waiting += 1
        self._waiting_bytes += len(delivery.payload)
        if delivery.qos and self._earlier:
            self._replace_earlier(delivery)
        return True

    def _replace_earlier(self, delivery: Delivery) -> None:
        earlier = self._earlier.pop((delivery.topic, delivery.payload), None)
        if earlier is not None:
            self._replaced.add(earlier)
            self._forget(earlier)

    def _forget(self, delivery: Delivery) -> None:
        self._waiting -= 1
        self._waiting_bytes -= len(delivery.payload)
        if self._waiting_bytes <= MAX_BYTES // 2:
            self._has_room.set()

    def begin_connection(self) -> None:
        """What waits now came over an earlier connection; what was replaced since then can go."""
        with self._lock:
            self._earlier.clear()
            for _ in range(self._chunks.qsize()):
                try:
                    chunk = self._chunks.get_nowait() or []
                except queue.Empty:
                    break
                waiting = [delivery for delivery in chunk if delivery not in self._replaced]
                # Not all of them: the worker may have taken a chunk, and not looked at it yet.
                self._replaced.difference_update(chunk)
                for delivery in waiting:
                    if delivery.qos:
                        self._earlier[delivery.topic, delivery.payload] = delivery
                if waiting:
                    self._chunks.put(waiting)

    # Called by the worker's thread

    def take(self, timeout: float) -> list[Delivery]:
        """What was put next; empty when nothing has come within `timeout` seconds or `wake` was called."""
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
            for delivery in chunk:
                self._forget(delivery)
                if self._earlier:
                    self._earlier.pop((delivery.topic, delivery.payload), None)
        return chunk

    def wake(self) -> None:
        """Make a waiting `take` return. Safe in a signal handler: takes no lock."""
        self._chunks.put(None)
