"""A client that posts numbered readings to the API and records which of them got a 200."""

import threading
import time

from scripts.faults import numbered_reading
from scripts.faults.journal import Journal
from scripts.launcher.http_client import CallError, Client


class Poster(threading.Thread):
    """A thread that posts one reading after the other, at most `rate` a second.

    A refused reading is not sent again.
    """

    def __init__(self, base_url: str, *, first: int, rate: float) -> None:
        super().__init__(name="poster", daemon=True)
        self.journal = Journal(numbered_reading.POST)
        self._client = Client(base_url)
        self._number = first
        self._pause = 1 / rate
        self._finishing = threading.Event()
        self.slowest_s = 0.0
        """The longest time of an answer, good or bad."""

    def run(self) -> None:
        while not self._finishing.wait(self._pause):
            number, self._number = self._number, self._number + 1
            self.journal.sent.add(number)
            sent_at = time.monotonic()
            try:
                self._client.post("/api/telemetry", [numbered_reading.content(numbered_reading.POST, number)])
            except CallError:
                continue
            else:
                self.journal.acknowledged[number] = time.monotonic()
            finally:
                self.slowest_s = max(self.slowest_s, time.monotonic() - sent_at)

    def finish(self) -> None:
        """Stop posting; returns when the last answer has come."""
        self._finishing.set()
        self.join()

    def abandon(self) -> None:
        """Stop without waiting for the last answer."""
        self._finishing.set()
