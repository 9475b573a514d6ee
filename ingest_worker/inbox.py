"""Deliveries between paho's network thread and the worker's: bounded, without ever making the former wait."""

import queue
import threading
from collections.abc import Sequence

from ingest_worker.delivery import Delivery

MAX_BYTES = 128 * 1024 * 1024
"""Payload that may wait here. The broker's window bounds messages, and one may have 5 MiB."""


class Inbox:
    """A queue that refuses rather than grows. What was read at once is put and taken at once.

    What it refuses has not been acknowledged, so nothing is lost: the broker sends it again on the next
    connection, which `wants_reconnect` asks for once there is room.

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
        self._refused = 0
        self.unguaranteed_dropped = 0

    def __len__(self) -> int:
        return self._waiting

    # Called by the network thread

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Add deliveries; those for which there is no room are refused."""
        with self._lock:
            taken = [delivery for delivery in deliveries if self._makes_room(delivery)]
        if taken:
            self._chunks.put(taken)

    def _makes_room(self, delivery: Delivery) -> bool:
        size = len(delivery.payload)
        if delivery.qos == 0 and self._waiting >= self._max_unguaranteed:
            # QoS 0 has no window and no promise; it must not fill our memory.
            self.unguaranteed_dropped += 1
            return False
        if self._waiting_bytes and self._waiting_bytes + size > MAX_BYTES:
            self._refused += 1
            return False
        self._waiting += 1
        self._waiting_bytes += size
        # Only now: what was refused above must not take away what waits here.
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

    def begin_connection(self) -> None:
        """What waits now came over an earlier connection; what was replaced since then can go."""
        with self._lock:
            self._refused = 0
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

    @property
    def wants_reconnect(self) -> bool:
        """Whether deliveries were refused that would have room now."""
        return self._refused > 0 and not self._waiting
