"""The state of the connection to the broker."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_BRIEF_S = 5.0


class BrokerConnection:
    """The state of the connection, written by paho's network thread and read by the worker's thread.

    An *epoch* is one connection. A packet id is valid within its epoch only: after the broker has lost the
    session, ids start again, and a late acknowledgement of an old id would delete a new message.
    """

    def __init__(self) -> None:
        # Re-entrant: an acknowledgement may fail in paho, which then calls `closed` within the same call.
        self._lock = threading.RLock()
        self._is_up = False
        self._is_subscribed = False
        self._up_since = 0.0
        self._brief_in_a_row = 0
        self._is_leaving = False
        self._epoch = 0
        self.sessions_lost = 0
        self.session_epoch = 0
        """The epoch in which the present session began; 0 where an earlier process began it."""

    @property
    def epoch(self) -> int:
        """Number of the current connection; 0 before the first."""
        return self._epoch

    @property
    def is_listening(self) -> bool:
        """True while the connection is up and the subscription granted."""
        with self._lock:
            return self._is_up and self._is_subscribed

    @property
    def is_up(self) -> bool:
        """True from the broker's CONNACK to the end of the connection."""
        return self._is_up

    @property
    def brief_in_a_row(self) -> int:
        """Number of connections in a row that the broker closed within 5 s; 0 once one has lasted longer."""
        with self._lock:
            if self._is_up and time.monotonic() - self._up_since >= _BRIEF_S:
                self._brief_in_a_row = 0
            return self._brief_in_a_row

    def opened(self, *, session_present: bool) -> None:
        """Note that the broker accepted a connection, with the stored session or with a new one."""
        with self._lock:
            self._epoch += 1
            self._is_up = True
            self._is_subscribed = False
            self._is_leaving = False
            self._up_since = time.monotonic()
            if not session_present:
                self.session_epoch = self._epoch
                self.sessions_lost += self._epoch > 1

    def leaving(self) -> None:
        """Note that this side closes the connection, which must not count as a brief one."""
        with self._lock:
            self._is_leaving = True

    def subscribed(self) -> None:
        """Note that the broker granted the subscription on this connection."""
        with self._lock:
            self._is_subscribed = True

    def closed(self) -> int:
        """Note that the connection has ended; return how many in a row were brief."""
        with self._lock:
            if self._is_up and not self._is_leaving:
                is_brief = time.monotonic() - self._up_since < _BRIEF_S
                self._brief_in_a_row = self._brief_in_a_row + 1 if is_brief else 0
            self._is_up = False
            return self._brief_in_a_row

    @contextmanager
    def held(self) -> Iterator[int]:
        """Hold the lock and yield the epoch, or 0 while the connection is down; neither changes meanwhile."""
        with self._lock:
            yield self._epoch if self._is_up else 0
