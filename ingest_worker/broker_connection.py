"""The link to the broker: which connection it is, and whether it is up."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_BRIEF_S = 5.0


class Link:
    """Written by paho's network thread, read by the worker's; each look is under its lock.

    An *epoch* is one connection. Packet ids mean something only within it: after the broker has lost
    the session they start again, and a late acknowledgement of an old id would delete a new message.
    """

    def __init__(self) -> None:
        # Re-entrant: an acknowledgement may fail in paho, which then reports the lost connection to us
        # from within the same call.
        self._lock = threading.RLock()
        self._is_up = False
        self._is_subscribed = False
        self._up_since = 0.0
        self._brief_in_a_row = 0
        self._is_leaving = False
        self._epoch = 0
        self.sessions_lost = 0

    @property
    def epoch(self) -> int:
        """The number of the current connection; 0 before the first."""
        return self._epoch

    @property
    def is_listening(self) -> bool:
        """Whether it is up and the subscription granted."""
        with self._lock:
            return self._is_up and self._is_subscribed

    @property
    def is_up(self) -> bool:
        """Whether the broker has accepted the connection."""
        return self._is_up

    @property
    def brief_in_a_row(self) -> int:
        """How many connections in a row the broker has closed within seconds; 0 once one has lasted."""
        with self._lock:
            if self._is_up and time.monotonic() - self._up_since >= _BRIEF_S:
                self._brief_in_a_row = 0
            return self._brief_in_a_row

    def opened(self, *, session_present: bool) -> None:
        """A connection was accepted; the broker kept our session, or has opened a new one."""
        with self._lock:
            self._epoch += 1
            self._is_up = True
            self._is_subscribed = False
            self._is_leaving = False
            self._up_since = time.monotonic()
            if not session_present and self._epoch > 1:
                self.sessions_lost += 1

    def leaving(self) -> None:
        """We close it ourselves: however brief it was, that says nothing about the broker."""
        with self._lock:
            self._is_leaving = True

    def subscribed(self) -> None:
        """The subscription was granted on this connection."""
        with self._lock:
            self._is_subscribed = True

    def closed(self) -> int:
        """The connection is gone, or about to be made anew. Returns how many in a row were brief."""
        with self._lock:
            if self._is_up and not self._is_leaving:
                is_brief = time.monotonic() - self._up_since < _BRIEF_S
                self._brief_in_a_row = self._brief_in_a_row + 1 if is_brief else 0
            self._is_up = False
            return self._brief_in_a_row

    @contextmanager
    def held(self) -> Iterator[int]:
        """The number of the connection if it is up, else 0; it stays so inside the block."""
        with self._lock:
            yield self._epoch if self._is_up else 0
