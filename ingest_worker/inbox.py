"""Deliveries between paho's network thread and the worker's: bounded, without ever making the former wait."""

import queue

from ingest_worker.delivery import Delivery
from ingest_worker.link import Link

MAX_BYTES = 128 * 1024 * 1024
"""Payload that may wait here. The broker's window bounds messages, and one may have 5 MiB."""


class Inbox:
    """A queue that refuses rather than grows.

    What it refuses has not been acknowledged, so nothing is lost: the broker sends it again on the next
    connection, which `wants_reconnect` asks for once there is room.
    """

    def __init__(self, link: Link, max_unguaranteed: int) -> None:
        self._link = link
        self._max_unguaranteed = max_unguaranteed
        self._deliveries: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._bytes_in = 0
        self._bytes_out = 0
        self._refused = 0
        self.unguaranteed_dropped = 0

    def __len__(self) -> int:
        return self._deliveries.qsize()

    # Called by the network thread

    def put(self, delivery: Delivery) -> None:
        """Add a delivery, or refuse it when there is no room."""
        if delivery.qos == 0 and len(self) >= self._max_unguaranteed:
            # QoS 0 has no window and no promise; it must not fill our memory.
            self.unguaranteed_dropped += 1
        elif self._bytes_in - self._bytes_out + len(delivery.payload) > MAX_BYTES and len(self):
            self._refused += 1
        else:
            self._bytes_in += len(delivery.payload)
            self._deliveries.put(delivery)

    def forget_what_comes_again(self) -> None:
        """On a new connection: drop what waits here and the broker sends once more, lest it wait twice."""
        self._refused = 0
        for _ in range(len(self)):
            try:
                delivery = self._deliveries.get_nowait()
            except queue.Empty:
                return
            if delivery is None:
                continue
            if delivery.qos and self._link.will_come_again(delivery.epoch):
                self._bytes_in -= len(delivery.payload)
            else:
                self._deliveries.put(delivery)

    # Called by the worker's thread

    def take(self, timeout: float) -> Delivery | None:
        """The next delivery, or None when none has come within `timeout` seconds or `wake` was called."""
        try:
            delivery = self._deliveries.get(timeout=max(timeout, 0))
        except queue.Empty:
            return None
        if delivery is not None:
            self._bytes_out += len(delivery.payload)
        return delivery

    def wake(self) -> None:
        """Make a waiting `take` return. Safe in a signal handler."""
        self._deliveries.put(None)

    @property
    def wants_reconnect(self) -> bool:
        """Whether deliveries were refused that would have room now."""
        return self._refused > 0 and len(self) == 0
