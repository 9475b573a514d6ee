"""Deliveries between paho's network thread and the worker's: bounded, without ever making the former wait."""

import queue
import threading

from ingest_worker.delivery import Delivery

MAX_BYTES = 128 * 1024 * 1024
"""Payload that may wait here. The broker's window bounds messages, and one may have 5 MiB."""


class Inbox:
    """A queue that refuses rather than grows.

    What it refuses has not been acknowledged, so nothing is lost: the broker sends it again on the next
    connection, which `wants_reconnect` asks for once there is room.

    After a reconnect the broker sends once more what was not acknowledged. Each such message takes the
    place of the one that waits here since the connection before, so that a link which flaps does not
    fill the memory. What does not come again stays: the broker may have lost it.
    """

    def __init__(self, max_unguaranteed: int) -> None:
        self._max_unguaranteed = max_unguaranteed
        self._deliveries: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        # Held for a few instructions by either thread.
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._replaced: set[Delivery] = set()
        # From the connections before, by content.
        self._earlier: dict[tuple[bytes, bytes], Delivery] = {}
        self._refused = 0
        self.unguaranteed_dropped = 0

    def __len__(self) -> int:
        return self._deliveries.qsize()

    # Called by the network thread

    def put(self, delivery: Delivery) -> None:
        """Add a delivery, or refuse it when there is no room."""
        size = len(delivery.payload)
        with self._lock:
            if delivery.qos == 0 and len(self) >= self._max_unguaranteed:
                # QoS 0 has no window and no promise; it must not fill our memory.
                self.unguaranteed_dropped += 1
            elif self._waiting_bytes and self._waiting_bytes + size > MAX_BYTES:
                self._refused += 1
            else:
                self._waiting_bytes += size
                self._deliveries.put(delivery)
                # Only now: what was refused above must not take away what waits here.
                if delivery.qos and self._earlier:
                    self._replace_earlier(delivery)

    def begin_connection(self) -> None:
        """What waits now came over an earlier connection; what was replaced since then can go."""
        with self._lock:
            self._refused = 0
            self._earlier.clear()
            for _ in range(len(self)):
                try:
                    delivery = self._deliveries.get_nowait()
                except queue.Empty:
                    break
                if delivery is None or delivery in self._replaced:
                    continue
                self._deliveries.put(delivery)
                if delivery.qos:
                    self._earlier[delivery.topic, delivery.payload] = delivery
            self._replaced.clear()

    def _replace_earlier(self, delivery: Delivery) -> None:
        earlier = self._earlier.pop((delivery.topic, delivery.payload), None)
        if earlier is not None:
            self._replaced.add(earlier)
            self._waiting_bytes -= len(earlier.payload)

    # Called by the worker's thread

    def take(self, timeout: float) -> Delivery | None:
        """The next delivery, or None when none has come within `timeout` seconds or `wake` was called."""
        try:
            delivery = self._deliveries.get(timeout=max(timeout, 0))
        except queue.Empty:
            return None
        if delivery is None:
            return None
        with self._lock:
            if delivery in self._replaced:
                self._replaced.discard(delivery)
                return None
            self._earlier.pop((delivery.topic, delivery.payload), None)
            self._waiting_bytes -= len(delivery.payload)
        return delivery

    def wake(self) -> None:
        """Make a waiting `take` return. Safe in a signal handler: takes no lock."""
        self._deliveries.put(None)

    @property
    def wants_reconnect(self) -> bool:
        """Whether deliveries were refused that would have room now."""
        return self._refused > 0 and len(self) == 0
